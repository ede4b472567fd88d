"""The HTTP server: everything that knows ASGI and the wire."""
