"""A Python client of Face Server's HTTP API, used by the web UI and by people.

    with FaceServerClient("http://localhost:8000", token) as server:
        server.enrol([Photo.read(Path("alice.jpg"))], person_id="alice")
        print(server.identify(Photo.read(Path("party.jpg"))).person_id)

What goes wrong is one of these:

ClientError
├── Unreachable        nobody answers at the address, or not in time
├── Unauthorised       no token was sent (401)
├── Forbidden          the token is not the server's, or its key may not do this (403)
├── Missing            what was named does not exist (404)
├── Refused            what was sent cannot be used (400, 413, 415, 422 and other 4xx)
├── ServerFailed       the server could not do its work (5xx)
└── UnexpectedAnswer   something answers, but not Face Server's API
"""

from backend.client.errors import (
    ClientError,
    Forbidden,
    Missing,
    Refused,
    ServerFailed,
    Unauthorised,
    UnexpectedAnswer,
    Unreachable,
)
from backend.client.server import FaceServerClient, Photo

__all__ = [
    "ClientError",
    "FaceServerClient",
    "Forbidden",
    "Missing",
    "Photo",
    "Refused",
    "ServerFailed",
    "Unauthorised",
    "UnexpectedAnswer",
    "Unreachable",
]
