"""Trying the whole path against the living city, and counting what it achieves."""
