"""Compiled loops under ``sight``: geometry, profiles of the walls, points, aims, the choice."""
