"""Everything of everybody in one archive, to be taken elsewhere: there, faces are answered as they are here.

A zip with `manifest.json`, a JSON file for each person under `people/`, and the aligned faces under `crops/`.
"""

import base64
import json
import math
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from datetime import datetime
from typing import IO, Any

import numpy as np

from backend.domain.errors import ImageRejected, InvalidField
from backend.domain.person import Person, checked_person_id
from backend.gallery.gallery import Gallery
from backend.recognition.imports import Goes, Progress, Refusal
from backend.storage.gallery_rows import KeptNegative, KeptPerson, KeptTemplate
from backend.vision.image import ImageLimits, decode

MANIFEST = "manifest.json"
FORMAT, VERSION = "face-server", 1
MOST_JSON_BYTES = 64 * 2**20
CROP_LIMITS = ImageLimits(max_bytes=2**20, max_pixels=2**20)
"""Crops have 112×112 pixels; whatever another embedder may want of them is within this."""
_PEOPLE, _CROPS = "people/", "crops/"
LONGEST_NAME = 65_536


def write_archive(gallery: Gallery, file: IO[bytes], *, pictures: bool) -> int:
    """Write everybody into a file, with the aligned faces where `pictures`; answers how many people."""
    count = 0
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(MANIFEST, json.dumps({"format": FORMAT, "version": VERSION, "model": gallery.model}))
        for kept in gallery.everything(with_crops=pictures):
            archive.writestr(f"{_PEOPLE}{count:06}.json", json.dumps(_document(kept), ensure_ascii=False))
            for template in kept.templates:
                if template.crop is not None:
                    archive.writestr(f"{_CROPS}{template.template_id}.png", template.crop)
            count += 1
    return count


def is_export(archive: zipfile.ZipFile) -> bool:
    """Whether `write_archive` made it, and not somebody from photos."""
    return MANIFEST in archive.namelist()


def people_in(archive: zipfile.ZipFile) -> Sequence[str]:
    """The names of the people's files; raises InvalidField for an archive that this version does not read."""
    manifest = _json(archive, MANIFEST)
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT or manifest.get("version") != VERSION:
        raise InvalidField("archive", f"The archive is no export of Face Server, version {VERSION}.")
    return sorted(name for name in archive.namelist() if name.startswith(_PEOPLE) and name.endswith(".json"))


def import_archive(gallery: Gallery, dimensions: int, archive: zipfile.ZipFile, goes: Goes) -> Progress:
    """Keep the people of an export one by one until `goes` says no; who was taken stays, whatever comes after.

    The model's embeddings have so many `dimensions`.
    """
    names = people_in(archive)
    crops = frozenset(archive.namelist())
    progress = Progress(len(names))
    for name in names:
        if not goes(progress):
            break
        progress = _counted(progress, *_kept(gallery, dimensions, archive, name, crops))
    gallery.refresh()
    goes(progress)
    return progress


def _kept(
    gallery: Gallery, dimensions: int, archive: zipfile.ZipFile, name: str, crops: frozenset[str]
) -> tuple[int, Refusal | None]:
    try:
        kept = _read(archive, name, crops)
        _check_lengths((*kept.templates, *kept.negatives), gallery.model, dimensions)
        return gallery.put_back(kept), None
    except InvalidField as error:
        return 0, Refusal(name, error.code, error.message)


def _check_lengths(kept: Sequence[KeptTemplate | KeptNegative], model: str, dimensions: int) -> None:
    if any(one.model == model and len(one.embedding) != 4 * dimensions for one in kept):
        raise InvalidField("archive", f"Embeddings of {model} have {dimensions} numbers.")


def _counted(before: Progress, added: int, refusal: Refusal | None) -> Progress:
    after = replace(before, done=before.done + 1, added=before.added + added)
    if refusal is None:
        return replace(after, people=before.people + 1)
    return replace(after, refused=before.refused + 1, refusals=(*before.refusals, refusal)[:1000])


def _document(kept: KeptPerson) -> dict[str, Any]:
    person = asdict(kept.person) | {"created_at": kept.person.created_at.isoformat()}
    del person["embeddings"]
    templates = [
        {
            "template_id": template.template_id,
            "source_name": template.source_name,
            "source_sha256": template.source_sha256,
            "quality": template.quality,
            **_vector(template),
        }
        for template in kept.templates
    ]
    return {**person, "templates": templates, "negatives": [_vector(negative) for negative in kept.negatives]}


def _vector(kept: KeptTemplate | KeptNegative) -> dict[str, str]:
    encoded = base64.b64encode(kept.embedding).decode()
    return {"model": kept.model, "embedding": encoded, "created_at": kept.created_at.isoformat()}


def _read(archive: zipfile.ZipFile, name: str, crops: frozenset[str]) -> KeptPerson:
    document = _json(archive, name)
    try:
        person = Person(
            person_id=checked_person_id(_text(document["person_id"], 128)),
            embeddings=0,
            created_at=_moment(document["created_at"]),
            display_name=_text(document["display_name"], 128) if document["display_name"] else None,
            note=_text(document["note"], 2000) if document["note"] else None,
            groups=tuple(_text(group, 64) for group in document["groups"]),
        )
        negatives = [
            KeptNegative(_text(entry["model"], 64), _embedding(entry), _moment(entry["created_at"]))
            for entry in document["negatives"]
        ]
        return KeptPerson(person, list(_templates(archive, document["templates"], crops)), negatives)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise InvalidField("archive", f"{name} does not have the form of an export.") from error


def _templates(archive: zipfile.ZipFile, entries: Any, crops: frozenset[str]) -> Iterator[KeptTemplate]:
    for entry in entries:
        template_id = _text(entry["template_id"], 26)
        picture = f"{_CROPS}{template_id}.png"
        yield KeptTemplate(
            template_id=template_id,
            model=_text(entry["model"], 64),
            embedding=_embedding(entry),
            quality=_share(entry["quality"]),
            source_name=_text(entry["source_name"], LONGEST_NAME),
            source_sha256=_text(entry["source_sha256"], 64),
            created_at=_moment(entry["created_at"]),
            crop=_crop(archive, picture) if picture in crops else None,
        )


def _crop(archive: zipfile.ZipFile, name: str) -> bytes:
    data = _content(archive, name, CROP_LIMITS.max_bytes)
    try:
        decode(data, CROP_LIMITS)
    except ImageRejected as error:
        raise InvalidField("archive", f"{name} is no picture.") from error
    return data


def _embedding(entry: Any) -> bytes:
    data = base64.b64decode(_text(entry["embedding"], 65_536), validate=True)
    length = float(np.linalg.norm(np.frombuffer(data, "<f4").astype(np.float64)))
    if not math.isclose(length, 1.0, abs_tol=1e-3):
        raise ValueError("An embedding has the length 1.")
    return data


def _text(value: Any, most: int) -> str:
    if not isinstance(value, str) or not 1 <= len(value) <= most:
        raise ValueError("This is no text of a length that is kept.")
    return value


def _share(value: Any) -> float:
    if not isinstance(value, int | float) or not 0 <= value <= 1:
        raise ValueError("This is no number from 0 to 1.")
    return float(value)


def _moment(value: Any) -> datetime:
    moment = datetime.fromisoformat(_text(value, 64))
    if moment.tzinfo is None:
        raise ValueError("A time has its zone.")
    return moment


def _json(archive: zipfile.ZipFile, name: str) -> Any:
    try:
        return json.loads(_content(archive, name, MOST_JSON_BYTES))
    except (ValueError, RecursionError) as error:
        raise InvalidField("archive", f"{name} is not valid JSON.") from error


def _content(archive: zipfile.ZipFile, name: str, most: int) -> bytes:
    try:
        with archive.open(name) as file:
            data = file.read(most + 1)
    except Exception as error:
        # A damaged archive fails in any of the ways that its compressions know.
        raise InvalidField("archive", f"{name} cannot be read.") from error
    if len(data) > most:
        raise InvalidField("archive", f"{name} is too large.")
    return data
