"""CompreFace's database as `pg_dump` of PostgreSQL 15 writes it: whose face each is, and where its photo is."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from backend.domain.errors import InvalidField, InvalidImage
from backend.recognition.compreface_dump import is_dump, photos_in_dump

ALICE, ZOE, NOBODY = (f"{digit * 8}-1111-1111-1111-111111111111" for digit in "123")
FIRST, SECOND = (f"{digit * 8}-1111-1111-1111-111111111111" for digit in "ab")
FACE = "01111111-1111-1111-1111-11111111111"

DUMP = rf"""--
-- PostgreSQL database dump
--

\restrict BTd9gTd7cISC7KgYgKENhvjcuMu9geEjK1qOkIrbjTnuMaqZAjEwsCJoWi4QfJF

SET client_encoding = 'UTF8';

CREATE TABLE public.img (
    id uuid NOT NULL,
    content bytea NOT NULL
);

COPY public.app (id, name) FROM stdin;
1	alice
\.

COPY public.embedding (id, subject_id, embedding, calculator, img_id) FROM stdin;
{FACE}1	{ALICE}	{{0.1,-2e-05}}	facenet.Calculator	{FIRST}
{FACE}2	{ZOE}	{{0.1,-2e-05}}	facenet.Calculator	{SECOND}
{FACE}3	{ZOE}	{{0.1,-2e-05}}	facenet.Calculator	\N
{FACE}4	{NOBODY}	{{0.1,-2e-05}}	facenet.Calculator	{FIRST}
\.

COPY public.img (id, content) FROM stdin;
{FIRST}	\\xffd8ffe0
{SECOND}	\\x00010a0d5c09
\.

COPY public.subject (id, api_key, subject_name) FROM stdin;
{ALICE}	1f348698-6985-4296-914e-a5e3270cfad7	alice
{ZOE}	1f348698-6985-4296-914e-a5e3270cfad7	Zoë \\ b\tc\x41\103
\.

ALTER TABLE ONLY public.img
    ADD CONSTRAINT img_pkey PRIMARY KEY (id);
"""


@pytest.fixture
def dump(tmp_path: Path) -> Path:
    return _written(tmp_path, DUMP)


def _written(folder: Path, text: str) -> Path:
    path = folder / "dump.sql"
    path.write_text(text, encoding="utf-8", newline="\n")
    return path


def _names(path: Path) -> Sequence[tuple[str, str]]:
    return [(photo.person_id, photo.name.rpartition("/")[2]) for photo in photos_in_dump(path)]


def test_each_face_is_its_subjects_whose_name_is_read_as_postgresql_writes_it(dump: Path) -> None:
    zoe = "Zoë \\ b\tcAC"
    assert is_dump(dump)
    assert _names(dump) == [("alice", f"{FACE}1"), (zoe, f"{FACE}2"), (zoe, f"{FACE}3")]


def test_photos_are_read_when_their_turn_comes_and_no_further_than_is_allowed(dump: Path) -> None:
    first, second, _ = photos_in_dump(dump)
    assert first.read(100).data == b"\xff\xd8\xff\xe0"
    assert second.read(100).data == b"\x00\x01\n\r\\\t"
    assert second.read(2).data == b"\x00\x01"


def test_a_face_without_a_photo_says_so(dump: Path) -> None:
    with pytest.raises(InvalidImage, match="no photo"):
        photos_in_dump(dump)[2].read(100)


def test_a_photo_that_is_written_otherwise_says_so(tmp_path: Path) -> None:
    path = _written(tmp_path, DUMP.replace(r"\\xffd8ffe0", r"\\377\\330"))
    with pytest.raises(InvalidImage, match="hexadecimal"):
        photos_in_dump(path)[0].read(100)


def test_columns_may_come_in_another_order_and_tables_without_a_schema(tmp_path: Path) -> None:
    text = DUMP.replace("public.img (id, content)", "img (content, id)")
    text = text.replace(f"{FIRST}\t\\\\xffd8ffe0\n{SECOND}\t\\\\x00010a0d5c09", f"\\\\xffd8\t{FIRST}")
    assert photos_in_dump(_written(tmp_path, text))[0].read(100).data == b"\xff\xd8"


def test_what_is_cut_off_is_left_out(tmp_path: Path) -> None:
    cut = DUMP.index("Zoë") - 20
    assert _names(_written(tmp_path, DUMP[:cut])) == [("alice", f"{FACE}1")]


@pytest.mark.parametrize(
    "text",
    ["-- PostgreSQL database dump\n", DUMP.replace("subject_name", "title"), DUMP.replace("COPY", "INSERT")],
    ids=["empty", "another table of that name", "not with COPY"],
)
def test_a_dump_of_something_else_is_refused(text: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidField, match="no faces of CompreFace"):
        photos_in_dump(_written(tmp_path, text))


@pytest.mark.parametrize("head", [b"PGDMP\x01", b"\x1f\x8b\x08"], ids=["pg_dump's own", "gzip"])
def test_a_packed_dump_is_refused_with_what_to_do(head: bytes, tmp_path: Path) -> None:
    path = tmp_path / "dump"
    path.write_bytes(head)
    with pytest.raises(InvalidField, match="pg_restore"):
        is_dump(path)


def test_something_else_is_no_dump(tmp_path: Path) -> None:
    assert not is_dump(_written(tmp_path, "SELECT 1;"))
