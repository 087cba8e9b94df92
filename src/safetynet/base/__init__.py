"""The words everybody uses."""
