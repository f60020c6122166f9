"""The faces in a backup of CompreFace's database, as `pg_dump` writes it: plain SQL with COPY.

Its tables `subject`, `embedding` and `img` are those of its change log 0.1.7, the escapes those of PostgreSQL's
documentation of COPY (text format). Embeddings are another model's and mean nothing here; the photos are taken.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, TypeAlias

from backend.domain.errors import InvalidField, InvalidImage
from backend.recognition.enrol import Photo
from backend.recognition.photo_trees import PersonPhoto, check_count

Row: TypeAlias = Mapping[bytes, bytes]
_COPY = re.compile(rb'COPY (?:"?\w+"?\.)?"?(subject|embedding|img)"? \(([^)]*)\) FROM stdin;\s*')
_COLUMNS = {
    b"subject": {b"id", b"subject_name"},
    b"embedding": {b"id", b"subject_id", b"img_id"},
    b"img": {b"id", b"content"},
}
"""What is read of each; tables of these names without them are somebody else's."""
_END = b"\\."
_HEX = b"\\\\x"
"""How a text of COPY begins that holds bytes: the backslash of `\\x…` is written twice."""
_ESCAPE = re.compile(rb"\\(x[0-9a-fA-F]{1,2}|[0-7]{1,3}|.)", re.DOTALL)
_ESCAPES = {b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"v": b"\v"}
_BEGINNING = b"-- PostgreSQL database dump"
_COMPRESSED = (b"PGDMP", b"\x1f\x8b")
"""pg_dump's own format, and gzip."""


@dataclass(slots=True)
class _Found:
    """What a dump holds, by the ids of its rows."""

    names: dict[bytes, str] = field(default_factory=dict)
    """Of subjects."""
    faces: list[tuple[bytes, bytes, bytes]] = field(default_factory=list)
    """A face, its subject and its picture."""
    pictures: dict[bytes, tuple[int, int]] = field(default_factory=dict)
    """Where in the file each picture's row begins, and in which column it is: all may be more than fits in memory."""


def is_dump(path: Path) -> bool:
    """Whether a file is a plain dump of a database; raises InvalidField for one in a form that is not read here."""
    with path.open("rb") as file:
        head = file.read(1024)
    if head.startswith(_COMPRESSED):
        message = "This is a packed dump; unpack it (gunzip), or write it as SQL: pg_restore -f dump.sql FILE."
        raise InvalidField("source", message)
    return _BEGINNING in head


def photos_in_dump(path: Path) -> Sequence[PersonPhoto]:
    """The photos of all subjects, in the dump's order; raises InvalidField where there is no CompreFace in it."""
    with path.open("rb") as file:
        found = _found(file)
    if not found.names:
        message = f"'{path}' has no faces of CompreFace: dump its database as plain SQL, without --inserts."
        raise InvalidField("source", message)
    check_count(len(found.faces))
    return [
        PersonPhoto(name := found.names[subject], f"{name}/{face.decode()}", _reader(path, found, picture))
        for face, subject, picture in found.faces
        if subject in found.names
    ]


def _found(file: BinaryIO) -> _Found:
    found = _Found()
    for table, place, row in _rows(file):
        match table:
            case b"subject":
                found.names[row[b"id"]] = _text(row[b"subject_name"]).decode(errors="replace")
            case b"embedding":
                found.faces.append((row[b"id"], row[b"subject_id"], row[b"img_id"]))
            case b"img":
                found.pictures[row[b"id"]] = place, list(row).index(b"content")
    return found


def _rows(file: BinaryIO) -> Iterator[tuple[bytes, int, Row]]:
    """The rows of the three tables: of which, where in the file it begins, and its columns as they are written."""
    table, columns = b"", list[bytes]()
    place = 0
    for line in file:
        values = line.rstrip(b"\r\n").split(b"\t")
        if not table or values == [_END]:
            table, columns = _begun(line)
        elif len(values) == len(columns):
            # A row that the dump was cut off in is left out.
            yield table, place, dict(zip(columns, values, strict=True))
        place += len(line)


def _begun(line: bytes) -> tuple[bytes, list[bytes]]:
    """The table whose rows come next and its columns; empty where it is none of ours."""
    found = _COPY.fullmatch(line)
    columns = [name.strip(b' "') for name in found[2].split(b",")] if found else []
    return (found[1], columns) if found and _COLUMNS[found[1]] <= set(columns) else (b"", [])


def _reader(path: Path, found: _Found, picture: bytes) -> Callable[[int], Photo]:
    def read(most: int) -> Photo:
        if picture not in found.pictures:
            # CompreFace was told to keep none (save_images_to_db), or the dump was cut off.
            raise InvalidImage("The dump holds no photo of this face.")
        begin, column = found.pictures[picture]
        with path.open("rb") as file:
            file.seek(begin)
            text = file.readline().rstrip(b"\r\n").split(b"\t")[column]
        try:
            return Photo(picture.decode(), bytes.fromhex(text.removeprefix(_HEX)[: 2 * most].decode("ascii")))
        except ValueError:
            # UnicodeError is one.
            raise InvalidImage("The photo is not written as hexadecimal digits (bytea_output).") from None

    return read


def _text(value: bytes) -> bytes:
    return _ESCAPE.sub(lambda found: _unescaped(found[1]), value)


def _unescaped(escape: bytes) -> bytes:
    if escape[:1] == b"x" and len(escape) > 1:
        return bytes([int(escape[1:], 16)])
    if escape[:1] in b"01234567":
        return bytes([int(escape, 8) & 0xFF])
    return _ESCAPES.get(escape, escape)
