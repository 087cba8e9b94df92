"""The HTTP and WebSocket API, and the console's files."""
