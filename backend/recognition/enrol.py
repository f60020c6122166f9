"""Photos to templates: the good ones are kept, and each of the others says why not."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from backend.domain.errors import (
    Duplicate,
    FaceNotFound,
    FaceTooSmall,
    ImageRejected,
    LowQuality,
    MultipleFaces,
    NothingEnrolled,
)
from backend.domain.face import Face
from backend.domain.person import checked_person_id
from backend.gallery.gallery import Gallery
from backend.storage.ids import new_id
from backend.storage.templates import NewTemplate
from backend.vision.image import ImageLimits, decode
from backend.vision.pipeline import FacePipeline

DOMINANCE = 2.5
"""How many times the area of the next a face must have to be the one that is meant."""


@dataclass(frozen=True, slots=True)
class Photo:
    """A picture file as it was sent."""

    filename: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Rejection:
    """A photo that was not taken, and why."""

    filename: str
    reason: ImageRejected


@dataclass(frozen=True, slots=True)
class Enrolment:
    """What became of the photos of one person."""

    person_id: str
    added: int
    embeddings: int
    rejected: tuple[Rejection, ...]


@dataclass(frozen=True, slots=True)
class EnrolmentRule:
    """How good a photo must be to be enrolled."""

    min_face_size: float
    """Pixels of the shorter side of the face's box."""
    min_quality: float
    """0–1, see `Quality.score`."""


class Enroller:
    """Enrols people from photos; safe to use from any thread."""

    def __init__(self, pipeline: FacePipeline, gallery: Gallery, rule: EnrolmentRule, limits: ImageLimits) -> None:
        """Describe faces with `pipeline` and keep them in `gallery`."""
        self._pipeline = pipeline
        self._gallery = gallery
        self._rule = rule
        self._limits = limits

    def enrol(self, person_id: str | None, photos: Iterable[Photo]) -> Enrolment:
        """Add a person's photos, each taken from `photos` only once the one before is dealt with.

        Without an id a new person is made.

        Raises InvalidField for an impossible id, and NothingEnrolled where not one photo can be used.
        """
        person_id = new_id() if person_id is None else checked_person_id(person_id)
        taken, rejected = self._sorted_out(photos)
        addition = self._gallery.add(person_id, taken)
        rejected += [
            _duplicate(template.source_name) for template in taken if template.source_sha256 in addition.duplicates
        ]
        if not addition.added:
            raise NothingEnrolled([describe(rejection) for rejection in rejected])
        return Enrolment(person_id, addition.added, addition.embeddings, tuple(rejected))

    def _sorted_out(self, photos: Iterable[Photo]) -> tuple[list[NewTemplate], list[Rejection]]:
        taken: dict[str, NewTemplate] = {}
        rejected: list[Rejection] = []
        for photo in photos:
            digest = hashlib.sha256(photo.data).hexdigest()
            if digest in taken:
                rejected.append(_duplicate(photo.filename))
                continue
            try:
                taken[digest] = self._template(photo, digest)
            except ImageRejected as reason:
                rejected.append(Rejection(photo.filename, reason))
        return list(taken.values()), rejected

    def _template(self, photo: Photo, digest: str) -> NewTemplate:
        faces = self._pipeline.analyse(decode(photo.data, self._limits))
        face = choose_face(faces, self._rule)
        return NewTemplate(face.template, face.quality.score, photo.filename, digest)


def choose_face(faces: Sequence[Face], rule: EnrolmentRule) -> Face:
    """The one face that a photo is about.

    That is the only usable one, or one at least 2.5 times as large (by area) as the next. Raises FaceNotFound,
    FaceTooSmall, LowQuality or MultipleFaces where there is none.
    """
    judged = [(face, _flaw(face, rule)) for face in sorted(faces, key=_area, reverse=True)]
    usable = [face for face, flaw in judged if flaw is None]
    flaws = [flaw for _, flaw in judged if flaw is not None]
    if not usable:
        raise flaws[0] if flaws else FaceNotFound("No face was found; send a photo of the whole face from the front.")
    if len(usable) > 1 and _area(usable[0]) < DOMINANCE * _area(usable[1]):
        raise MultipleFaces(f"There are {len(usable)} faces; send a photo of one person.", faces=len(usable))
    return usable[0]


def describe(rejection: Rejection) -> dict[str, str]:
    """The rejection as it is told to the caller."""
    return {"filename": rejection.filename, "code": rejection.reason.code, "message": rejection.reason.message}


def _flaw(face: Face, rule: EnrolmentRule) -> ImageRejected | None:
    size, score = face.quality.face_size, face.quality.score
    if size < rule.min_face_size:
        message = (
            f"The face is {size:.0f} pixels large and {rule.min_face_size:.0f} are needed; come closer or crop less."
        )
        return FaceTooSmall(message, face_size=round(size), required=rule.min_face_size)
    if score < rule.min_quality:
        message = "The face is too blurred, dark, bright or turned away; send a sharp, evenly lit photo from the front."
        return LowQuality(message, quality=round(score, 3), required=rule.min_quality)
    return None


def _area(face: Face) -> float:
    return face.detection.box.area


def _duplicate(filename: str) -> Rejection:
    return Rejection(filename, Duplicate("This very photo is enrolled for this person already."))
