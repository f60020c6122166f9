"""Other people's clients, each run as it is in an environment of its own."""
