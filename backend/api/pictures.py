"""Pictures over HTTP: not sent again to who has them, and in parts to who asks for a part."""

import re
from collections.abc import Mapping
from typing import Any

from fastapi import Request, Response

_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})", re.ASCII)


def picture_response(request: Request, data: bytes, media_type: str, version: str) -> Response:
    """The picture, or 304 to who has this `version`, or 206 or 416 to who asks for one range of its bytes.

    `version` tells the picture from any other that had or will have its address; it may hold no quotation mark.
    """
    etag = f'"{version}"'
    # It is asked each time whether it is still the same: a person's picture is not to outlive its removal.
    headers = {"ETag": etag, "Accept-Ranges": "bytes", "Cache-Control": "private, no-cache"}
    if _names(request.headers.get("If-None-Match", ""), etag):
        return Response(status_code=304, headers=headers)
    wanted = request.headers.get("Range", "") if request.headers.get("If-Range", etag) == etag else ""
    found = _RANGE.fullmatch(wanted.strip())
    if found is None or found.groups() == ("", ""):
        # What is no range of bytes, or several, may be answered whole.
        return Response(data, media_type=media_type, headers=headers)
    return _part(data, (found[1], found[2]), media_type, headers)


def _part(data: bytes, wanted: tuple[str, str], media_type: str, headers: Mapping[str, str]) -> Response:
    (first, last), size = wanted, len(data)
    # "-500" are the last 500.
    begin = int(first) if first else max(0, size - int(last))
    end = min(int(last), size - 1) if first and last else size - 1
    if begin > end:
        return Response(status_code=416, headers={**headers, "Content-Range": f"bytes */{size}"})
    part = {**headers, "Content-Range": f"bytes {begin}-{end}/{size}"}
    return Response(data[begin : end + 1], 206, part, media_type)


def _names(header: str, etag: str) -> bool:
    tags = [tag.strip().removeprefix("W/") for tag in header.split(",")]
    return "*" in tags or etag in tags


PICTURE_RESPONSES: dict[int | str, dict[str, Any]] = {
    206: {"description": "The part that was asked for"},
    304: {"description": "The picture is the one named in If-None-Match"},
    416: {"description": "The picture has no such part"},
}
