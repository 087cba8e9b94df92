"""The place: districts, streets, buildings, cameras, facilities, and the bundle that holds them."""
