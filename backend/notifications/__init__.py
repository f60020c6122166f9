"""Sightings to messages: who is told (`routing`), what is said (`message`), and how it gets there (`dispatcher`)."""
