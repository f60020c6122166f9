"""Face Server: a local service that knows faces."""
