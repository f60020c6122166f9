"""The faces that a running CompreFace has, read through its own API.

Its embeddings are another model's and mean nothing here, so what is taken are the photos that it keeps of each subject:
`GET /api/v1/recognition/faces` in pages, then each photo by `…/faces/{image_id}/img` when its turn comes.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

import httpx

from backend.domain.errors import InvalidField, InvalidImage
from backend.recognition.enrol import Photo
from backend.recognition.photo_trees import MOST_FILES, PersonPhoto, check_count

PAGE = 500
TIMEOUT_S = 30.0
_FACES = "/api/v1/recognition/faces"
_REFUSED = frozenset({401, 403, 404})
"""It answers 404 to the key of no service."""


class CompreFaceServer:
    """A CompreFace at an address, asked with the key of one of its recognition services."""

    def __init__(self, url: str, key: str, timeout_s: float = TIMEOUT_S) -> None:
        """Connect to nothing yet."""
        self._url = url.rstrip("/")
        self._client = httpx.Client(headers={"x-api-key": key}, timeout=timeout_s, trust_env=False)

    def close(self) -> None:
        """Hang up."""
        self._client.close()

    def photos(self) -> Sequence[PersonPhoto]:
        """The photos of all subjects, each read only when it is asked for.

        Raises InvalidField where nothing there answers as CompreFace does, and where there are too many.
        """
        found: list[PersonPhoto] = []
        for face in self._faces():
            found.append(PersonPhoto(face["subject"], f"{face['subject']}/{face['image_id']}", self._reader(face)))
            check_count(len(found))
        return found

    def _faces(self) -> Iterator[dict[str, str]]:
        number, pages = 0, 1
        # A server that never comes to an end of its pages has too many faces sooner or later, or none.
        while number < min(pages, MOST_FILES // PAGE + 1):
            page = self._page(number)
            pages = page["total_pages"]
            yield from page["faces"]
            number += 1

    def _page(self, number: int) -> Any:
        try:
            reply = self._client.get(f"{self._url}{_FACES}", params={"page": number, "size": PAGE})
        except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:
            raise InvalidField("compreface", f"Nothing answers at '{self._url}': {_why(error)}.") from None
        if reply.status_code in _REFUSED:
            raise InvalidField("api_key", "CompreFace refuses the key; take that of its recognition service.")
        try:
            page = reply.raise_for_status().json()
            _check(page)
        except (httpx.HTTPStatusError, ValueError, LookupError, TypeError):
            message = f"What answers at '{self._url}' is no CompreFace (status {reply.status_code})."
            raise InvalidField("compreface", message) from None
        return page

    def _reader(self, face: dict[str, str]) -> Callable[[int], Photo]:
        path = f"{self._url}{_FACES}/{quote(face['image_id'], safe='')}/img"

        def read(most: int) -> Photo:
            with _as_no_photo(), self._client.stream("GET", path) as reply:
                reply.raise_for_status()
                data = bytearray()
                for piece in reply.iter_bytes():
                    data += piece
                    if len(data) >= most:
                        break
            if not data:
                # What it answers for a face whose photo it did not keep.
                raise InvalidImage("CompreFace keeps no photo of this face (save_images_to_db).")
            return Photo(face["image_id"], bytes(data[:most]))

        return read


@contextmanager
def _as_no_photo() -> Iterator[None]:
    try:
        yield
    except httpx.HTTPError as error:
        raise InvalidImage(f"CompreFace does not answer with the photo: {_why(error)}.") from None


def _check(page: Any) -> None:
    """Raise ValueError, LookupError or TypeError for what is no page of faces."""
    if not isinstance(page["total_pages"], int):
        raise ValueError
    for face in page["faces"]:
        if not isinstance(face["subject"], str) or not isinstance(face["image_id"], str):
            raise ValueError


def _why(error: Exception) -> str:
    return str(error).rstrip(".") or type(error).__name__
