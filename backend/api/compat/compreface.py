"""CompreFace's recognition, detection and verification services (its API v1)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response

from backend.api.access import needs
from backend.api.compat.analysis import Analysis, Look, Seen, analysed
from backend.api.compat.compreface_errors import RESPONSES, CompreFaceRoute
from backend.api.compat.compreface_images import Images, body_of, images_named
from backend.api.compat.compreface_replies import (
    CALCULATOR,
    example,
    face_fields,
    image_id_of,
    plugins_versions,
    template_id_of,
)
from backend.api.compat.scale import Scale
from backend.api.deps import RecognitionSlot, ServicesDep
from backend.container.services import Services
from backend.domain.access import Scope
from backend.domain.errors import FaceNotFound, MultipleFaces
from backend.domain.face import Face, GradedFace, Template
from backend.domain.identity import Decision, Verdict
from backend.domain.person import checked_person_id, composed
from backend.recognition.enrol import EnrolmentWish, Photo
from backend.recognition.identify import Search
from backend.schemas.compreface import (
    ComparedFace,
    Comparison,
    Deleted,
    Detection,
    Example,
    ExamplePage,
    FoundFace,
    Prediction,
    RecognisedFace,
    Recognition,
    SubjectList,
    SubjectReply,
    SubjectRequest,
    Updated,
    Verification,
    VerifiedPair,
)
from backend.vision.image import decode

router = APIRouter(prefix="/api/v1", tags=["CompreFace"], route_class=CompreFaceRoute, responses=RESPONSES)

ENOUGH = 0.5
"""The similarity that CompreFace's documentation calls enough; ours is told on that scale."""

MinScore = Annotated[float, Query(alias="det_prob_threshold", ge=0, le=1, description="The least detector's score.")]
Subject = Annotated[str, Query(min_length=1, max_length=128, description="A person's id.")]
File = Annotated[Images, Depends(images_named("file"))]
Pair = Annotated[Images, Depends(images_named("source_image", "target_image"))]


@dataclass(frozen=True, slots=True)
class Options:
    """What every request with an image may ask for."""

    limit: int
    min_score: float
    plugins: frozenset[str]
    status: bool

    @property
    def embeddings(self) -> bool:
        """Whether the faces' embeddings are to be told."""
        return CALCULATOR in self.plugins


async def _options(
    limit: Annotated[int, Query(ge=0, description="The largest faces, at most so many; 0 for all.")] = 0,
    det_prob_threshold: MinScore = 0,
    face_plugins: Annotated[str, Query(description="`landmarks`, `calculator`; others are not offered.")] = "",
    status: Annotated[bool, Query(description="Whether to say what was used and how long it took.")] = False,
) -> Options:
    plugins = frozenset(name.strip() for name in face_plugins.split(","))
    return Options(limit, det_prob_threshold, plugins, status)


OptionsDep = Annotated[Options, Depends(_options)]


@router.get("/recognition/subjects")
@router.get("/recognition/subjects/", include_in_schema=False)
def compreface_subjects(services: ServicesDep) -> SubjectList:
    """List the people."""
    return SubjectList(subjects=[person.person_id for person in services.recognition.gallery.people()])


@router.post("/recognition/subjects", status_code=201)
def compreface_add_subject(services: ServicesDep, wanted: SubjectRequest) -> SubjectReply:
    """Enrol somebody who has no photo yet."""
    person_id = checked_person_id(wanted.subject)
    services.recognition.gallery.create(person_id)
    return SubjectReply(subject=person_id)


@router.put("/recognition/subjects/{subject}")
def compreface_rename_subject(services: ServicesDep, subject: str, wanted: SubjectRequest) -> Updated:
    """Give a person another id; where somebody has it, the two become one."""
    gallery = services.recognition.gallery
    before, after = composed(subject), checked_person_id(wanted.subject)
    known = {person.person_id for person in gallery.people()}
    if after in known and after != before:
        gallery.merge(before, after)
    elif after != before:
        gallery.rename(before, after)
    else:
        gallery.person(before)
    return Updated(updated=True)


@router.delete("/recognition/subjects/{subject}")
def compreface_remove_subject(services: ServicesDep, subject: str) -> SubjectReply:
    """Remove a person with all templates."""
    services.recognition.gallery.remove(composed(subject))
    return SubjectReply(subject=composed(subject))


@router.delete("/recognition/subjects")
def compreface_remove_subjects(services: ServicesDep) -> Deleted:
    """Remove everybody."""
    return Deleted(deleted=services.recognition.gallery.remove_everybody())


@router.get("/recognition/faces")
def compreface_faces(
    services: ServicesDep,
    page: Annotated[int, Query(ge=0, le=2**31)] = 0,
    size: Annotated[int, Query(ge=1, le=1000)] = 20,
    subject: Annotated[str | None, Query(max_length=128)] = None,
) -> ExamplePage:
    """List the templates, of one person or of all, in pages."""
    person_id = composed(subject) if subject else None
    entries, total = services.recognition.gallery.template_page(person_id, page * size, size)
    return ExamplePage(
        faces=[example(entry) for entry in entries],
        page_number=page,
        page_size=size,
        total_pages=-(-total // size),
        total_elements=total,
    )


@router.post("/recognition/faces", status_code=201, openapi_extra=body_of("file"))
def compreface_add_face(
    services: ServicesDep, images: File, _slot: RecognitionSlot, subject: Subject, det_prob_threshold: MinScore = 0
) -> Example:
    """Enrol a photo of a person; the same photo again is answered with the template it made."""
    recognition, photo = services.recognition, images["file"]
    rule = replace(recognition.enroller.rule, min_detection_score=det_prob_threshold)
    template_id = recognition.enroller.enrol_one(subject, photo, EnrolmentWish(rule=rule))
    return Example(image_id=image_id_of(template_id), subject=checked_person_id(subject))


@router.delete("/recognition/faces")
def compreface_remove_faces(
    services: ServicesDep, subject: Annotated[str | None, Query(max_length=128)] = None
) -> Deleted:
    """Remove all templates of a person, or of everybody; the people stay."""
    person_id = composed(subject) if subject else None
    return Deleted(deleted=services.recognition.gallery.remove_templates(person_id))


@router.delete("/recognition/faces/{image_id}")
def compreface_remove_face(services: ServicesDep, image_id: str) -> Example:
    """Remove one template."""
    gallery = services.recognition.gallery
    entry = gallery.template_entry(template_id_of(image_id))
    gallery.remove_template(entry.person_id, entry.template_id)
    return example(entry)


@router.get(
    "/recognition/faces/{image_id}/img",
    response_class=Response,
    responses={200: {"content": {"image/png": {}}, "description": "The aligned face, 112×112"}},
)
def compreface_face_picture(services: ServicesDep, image_id: str) -> Response:
    """Answer the aligned face that a template was made of, as PNG."""
    gallery = services.recognition.gallery
    entry = gallery.template_entry(template_id_of(image_id))
    return Response(gallery.crop(entry.person_id, entry.template_id), media_type="image/png")


@router.post(
    "/recognition/recognize",
    dependencies=[needs(Scope.READ)],
    openapi_extra=body_of("file"),
    response_model_exclude_none=True,
)
def compreface_recognise(
    services: ServicesDep,
    images: File,
    _slot: RecognitionSlot,
    options: OptionsDep,
    prediction_count: Annotated[int, Query(ge=1, le=100, description="How many people to name for each face.")] = 1,
) -> Recognition:
    """Name the people most like each face."""
    identifier = services.recognition.identifier
    look = partial(identifier.identify_faces, search=Search(limit=prediction_count), in_full=options.embeddings)
    analysis = _analysed(services, images["file"], look, options)
    scale = Scale(identifier.rule.threshold, ENOUGH)
    faces = [
        RecognisedFace(
            **_fields(identified.face, analysis, options),
            subjects=_predictions(identified.decision, scale, prediction_count),
        )
        for identified in analysis.faces
    ]
    return Recognition(result=faces, plugins_versions=plugins_versions(services, status=options.status))


@router.post(
    "/recognition/faces/{image_id}/verify",
    dependencies=[needs(Scope.READ)],
    openapi_extra=body_of("file"),
    response_model_exclude_none=True,
)
def compreface_verify_face(
    services: ServicesDep, image_id: str, images: File, _slot: RecognitionSlot, options: OptionsDep
) -> Comparison:
    """Say how alike each face is to a saved one."""
    saved = services.recognition.gallery.template(template_id_of(image_id))
    analysis = _described(services, images["file"], options)
    return Comparison(
        result=_compared(services, saved, analysis, options),
        plugins_versions=plugins_versions(services, status=options.status),
    )


@router.post(
    "/detection/detect",
    dependencies=[needs(Scope.READ)],
    openapi_extra=body_of("file"),
    response_model_exclude_none=True,
)
def compreface_detect(services: ServicesDep, images: File, _slot: RecognitionSlot, options: OptionsDep) -> Detection:
    """Find the faces of an image."""
    photos = services.recognition.pipelines.photos
    look: Look[Face | GradedFace] = photos.describe if options.embeddings else photos.graded
    analysis = _analysed(services, images["file"], look, options)
    faces = [FoundFace(**_fields(face, analysis, options)) for face in analysis.faces]
    return Detection(result=faces, plugins_versions=plugins_versions(services, status=options.status))


@router.post(
    "/verification/verify",
    dependencies=[needs(Scope.READ)],
    openapi_extra=body_of("source_image", "target_image"),
    response_model_exclude_none=True,
)
def compreface_verify(services: ServicesDep, images: Pair, _slot: RecognitionSlot, options: OptionsDep) -> Verification:
    """Say how alike the one face of an image is to each face of another."""
    source = _described(services, images["source_image"], replace(options, limit=0))
    if len(source.faces) > 1:
        raise MultipleFaces("Found more than one face in the source image", faces=len(source.faces))
    target = _described(services, images["target_image"], options)
    pair = VerifiedPair(
        source_image_face=FoundFace(**_fields(source.faces[0], source, options)),
        face_matches=_compared(services, source.faces[0].template, target, options),
        plugins_versions=plugins_versions(services, status=options.status),
    )
    return Verification(result=[pair])


def _described(services: Services, photo: Photo, options: Options) -> Analysis[Face]:
    return _analysed(services, photo, services.recognition.pipelines.photos.describe, options)


def _analysed(services: Services, photo: Photo, look: Look[Seen], options: Options) -> Analysis[Seen]:
    image = decode(photo.data, services.recognition.limits)
    analysis = analysed(services, image, look, options.min_score, options.limit)
    if not analysis.faces:
        raise FaceNotFound("No face is found in the given image")
    return analysis


def _fields(face: Face | GradedFace, analysis: Analysis[object], options: Options) -> dict[str, object]:
    return face_fields(face, analysis, options.plugins, status=options.status)


def _predictions(decision: Decision, scale: Scale, count: int) -> Sequence[Prediction]:
    if decision.verdict is Verdict.LOW_QUALITY:
        # Nothing can be said of this face: a name with a number would be taken for an answer.
        return []
    return [
        Prediction(subject=candidate.person_id, similarity=round(scale.outward(candidate.similarity), 5))
        for candidate in decision.candidates[:count]
    ]


def _compared(services: Services, source: Template, target: Analysis[Face], options: Options) -> list[ComparedFace]:
    scale = Scale(services.recognition.verifier.threshold, ENOUGH)
    return [
        ComparedFace(
            **_fields(face, target, options), similarity=round(scale.outward(source.similarity(face.template)), 5)
        )
        for face in target.faces
    ]
