"""``safetynet see``: which cameras show a place, in words and as a picture."""
