"""Smart City Safety Net: see, connect, show, prove."""

__version__ = "0.1.0"
