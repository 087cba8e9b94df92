"""A city that lives: the judge. Virtual cameras that render what they would see, and callers."""
