"""The outside world, one folder per interface."""
