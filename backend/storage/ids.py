"""Ids of rows: ULIDs, so that sorting by id sorts by time on any number of machines."""

from ulid import ULID


def new_id() -> str:
    """A new id of 26 characters."""
    return str(ULID())
