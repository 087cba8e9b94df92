"""The district process: one owner or several, each with its own store, journal and last word."""
