"""Pictures of the living city."""
