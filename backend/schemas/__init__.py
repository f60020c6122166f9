"""The wire: what the HTTP API takes and answers, shared by the API and its Python client."""
