"""Reports, the events they make, their states and their timeline."""
