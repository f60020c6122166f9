"""Photos to templates: the good ones are kept, and each of the others says why not."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from backend.domain.errors import (
    Detail,
    Duplicate,
    FaceNotFound,
    FaceTooSmall,
    IdentityConflict,
    ImageRejected,
    LowQuality,
    MultipleFaces,
    NothingEnrolled,
    RefusedPhoto,
)
from backend.domain.face import Face
from backend.domain.meter import NO_METER, Meter, Stage, timed
from backend.domain.person import checked_person_id
from backend.gallery.gallery import Gallery
from backend.storage.ids import new_id
from backend.storage.templates import NewTemplate
from backend.vision.alignment import align
from backend.vision.image import ImageLimits, decode, encode_png
from backend.vision.pipeline import FacePipeline

DOMINANCE = 2.5
"""How many times the area of the next a face must have to be the one that is meant."""


@dataclass(frozen=True, slots=True)
class Photo:
    """A picture file as it was sent."""

    filename: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Acceptance:
    """A photo that was taken."""

    index: int
    """Its place among the photos, from 0."""
    filename: str
    template_id: str | None
    """None where nothing was to be kept."""
    quality: float


@dataclass(frozen=True, slots=True)
class Rejection:
    """A photo that was not taken, and why."""

    index: int
    filename: str
    reason: ImageRejected


@dataclass(frozen=True, slots=True)
class Enrolment:
    """What became of the photos of one person."""

    person_id: str
    accepted: tuple[Acceptance, ...]
    rejected: tuple[Rejection, ...]
    embeddings: int
    """How many templates the person has now."""


@dataclass(frozen=True, slots=True)
class EnrolmentRule:
    """How good a photo must be to be enrolled."""

    min_face_size: float
    """Pixels of the shorter side of the face's box."""
    min_quality: float
    """0–1, see `Quality.score`."""
    min_detection_score: float = 0.0
    """What is less surely a face, 0–1, is not looked at."""


@dataclass(frozen=True, slots=True)
class EnrolmentWish:
    """How to enrol, where it is not to be done as usual."""

    rule: EnrolmentRule | None = None
    """In the place of the enroller's own."""
    dry_run: bool = False
    """Judge the photos and keep nothing."""
    conflict_from: float | None = None
    """The similarity to somebody else from which a photo is refused; None where nobody asks."""


AS_USUAL = EnrolmentWish()


@dataclass(frozen=True, slots=True, eq=False)
class _Taken:
    """A photo that will do."""

    index: int
    template: NewTemplate


class Enroller:
    """Enrols people from photos; safe to use from any thread."""

    def __init__(
        self,
        pipeline: FacePipeline,
        gallery: Gallery,
        rule: EnrolmentRule,
        limits: ImageLimits,
        *,
        keep_crops: bool = True,
        meter: Meter = NO_METER,
    ) -> None:
        """Describe faces with `pipeline` and keep them in `gallery`, with the aligned faces where `keep_crops`."""
        self.rule = rule
        self._pipeline = pipeline
        self._gallery = gallery
        self._limits = limits
        self._keep_crops = keep_crops
        self._meter = meter

    def enrol(self, person_id: str | None, photos: Iterable[Photo], wish: EnrolmentWish = AS_USUAL) -> Enrolment:
        """Add a person's photos, each taken from `photos` only once the one before is dealt with.

        Without an id a new person is made. Raises InvalidField for an impossible id, and NothingEnrolled where not one
        photo can be used.
        """
        person_id = new_id() if person_id is None else checked_person_id(person_id)
        taken, rejected = self._sorted_out(person_id, photos, wish)
        if wish.dry_run:
            return Enrolment(person_id, _accepted(taken, {}), tuple(rejected), self._gallery.count(person_id))
        addition = self._gallery.add(person_id, [photo.template for photo in taken])
        rejected += [_duplicate(photo) for photo in taken if photo.template.source_sha256 in addition.duplicates]
        rejected.sort(key=lambda rejection: rejection.index)
        if not addition.template_ids:
            raise NothingEnrolled([describe(rejection) for rejection in rejected])
        return Enrolment(person_id, _accepted(taken, addition.template_ids), tuple(rejected), addition.embeddings)

    def enrol_one(self, person_id: str, photo: Photo, wish: EnrolmentWish = AS_USUAL) -> str:
        """Add one photo of a person and answer its template's id, which is the old one where the photo was there.

        Raises InvalidField for an impossible id, and ImageRejected where the photo cannot be used.
        """
        person_id = checked_person_id(person_id)
        digest = hashlib.sha256(photo.data).hexdigest()
        known = self._gallery.template_of_photo(person_id, digest)
        if known is not None:
            return known
        addition = self._gallery.add(person_id, [self._template(person_id, photo, digest, wish)])
        # Another request may have been faster with the same photo.
        added = addition.template_ids.get(digest) or self._gallery.template_of_photo(person_id, digest)
        if added is None:
            raise _same_photo()
        return added

    def _sorted_out(
        self, person_id: str, photos: Iterable[Photo], wish: EnrolmentWish
    ) -> tuple[list[_Taken], list[Rejection]]:
        taken: dict[str, _Taken] = {}
        rejected: list[Rejection] = []
        for index, photo in enumerate(photos):
            digest = hashlib.sha256(photo.data).hexdigest()
            try:
                # Where it is to be kept, the gallery sees what it has, together with what others add meanwhile.
                if digest in taken or (wish.dry_run and self._gallery.template_of_photo(person_id, digest)):
                    raise _same_photo()
                taken[digest] = _Taken(index, self._template(person_id, photo, digest, wish))
            except ImageRejected as reason:
                rejected.append(Rejection(index, photo.filename, reason))
        return list(taken.values()), rejected

    def _template(self, person_id: str, photo: Photo, digest: str, wish: EnrolmentWish) -> NewTemplate:
        with timed(self._meter, Stage.DECODE):
            image = decode(photo.data, self._limits)
        face = choose_face(self._pipeline.analyse(image), wish.rule or self.rule)
        if wish.conflict_from is not None:
            self._refuse_somebody_else(person_id, face, wish.conflict_from)
        crop = encode_png(align(image, face.detection.landmarks)) if self._keep_crops else None
        return NewTemplate(face.template, face.quality.score, photo.filename, digest, crop)

    def _refuse_somebody_else(self, person_id: str, face: Face, conflict_from: float) -> None:
        candidates = self._gallery.search(face.template, limit=2)
        if candidates and candidates[0].person_id != person_id and candidates[0].similarity >= conflict_from:
            other, similarity = candidates[0].person_id, candidates[0].similarity
            raise IdentityConflict(
                f"The face looks like '{other}' (similarity {similarity:.2f}); allow the conflict if it is right.",
                person_id=other,
                measured=similarity,
                required=conflict_from,
            )


def _accepted(taken: Sequence[_Taken], template_ids: Mapping[str, str]) -> tuple[Acceptance, ...]:
    """The photos that were kept: all where none was to be, else those that have an id."""
    return tuple(
        Acceptance(
            photo.index,
            photo.template.source_name,
            template_ids.get(photo.template.source_sha256),
            photo.template.quality,
        )
        for photo in taken
        if not template_ids or photo.template.source_sha256 in template_ids
    )


def choose_face(faces: Sequence[Face], rule: EnrolmentRule) -> Face:
    """The one face that a photo is about.

    That is the only usable one, or one at least 2.5 times as large (by area) as the next. Raises FaceNotFound,
    FaceTooSmall, LowQuality or MultipleFaces where there is none.
    """
    seen = [face for face in faces if face.detection.score >= rule.min_detection_score]
    judged = [(face, _flaw(face, rule)) for face in sorted(seen, key=_area, reverse=True)]
    usable = [face for face, flaw in judged if flaw is None]
    flaws = [flaw for _, flaw in judged if flaw is not None]
    if not usable:
        raise flaws[0] if flaws else FaceNotFound("No face was found; send a photo of the whole face from the front.")
    if len(usable) > 1 and _area(usable[0]) < DOMINANCE * _area(usable[1]):
        raise MultipleFaces(f"There are {len(usable)} faces; send a photo of one person.", faces=len(usable))
    return usable[0]


def describe(rejection: Rejection) -> RefusedPhoto:
    """The rejection as it is told to the caller."""
    reason = rejection.reason
    return {
        "index": rejection.index,
        "filename": rejection.filename,
        "code": reason.code,
        "message": reason.message,
        "measured": _number(reason.details.get("measured")),
        "required": _number(reason.details.get("required")),
    }


def _number(value: Detail) -> float | None:
    return value if isinstance(value, int | float) else None


def _flaw(face: Face, rule: EnrolmentRule) -> ImageRejected | None:
    size, score = face.quality.face_size, face.quality.score
    if size < rule.min_face_size:
        message = (
            f"The face is {size:.0f} pixels large and {rule.min_face_size:.0f} are needed; come closer or crop less."
        )
        return FaceTooSmall(message, measured=round(size), required=rule.min_face_size)
    if score < rule.min_quality:
        message = "The face is too blurred, dark, bright or turned away; send a sharp, evenly lit photo from the front."
        return LowQuality(message, measured=round(score, 3), required=rule.min_quality)
    return None


def _area(face: Face) -> float:
    return face.detection.box.area


def _duplicate(photo: _Taken) -> Rejection:
    return Rejection(photo.index, photo.template.source_name, _same_photo())


def _same_photo() -> Duplicate:
    return Duplicate("This very photo is enrolled for this person already.")
