"""The framed text interface of the emergency services, as observed in public implementations."""
