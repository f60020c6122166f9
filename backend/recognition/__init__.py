"""The use cases: enrol people, and say who somebody is."""
