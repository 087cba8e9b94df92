"""Recorded decisions asked again."""
