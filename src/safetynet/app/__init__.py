"""Processes and the command line: settings, wiring, supervision."""
