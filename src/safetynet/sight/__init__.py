"""What each camera can see; choosing views and explaining the choice."""
