"""Faces in images: find, embed, identify, verify."""

from collections.abc import Sequence
from typing import Annotated, TypeVar, cast

import numpy as np
from fastapi import APIRouter, File, Form, UploadFile

from backend.api.deps import RecognitionSlot, ServicesDep
from backend.api.errors import COMMON_RESPONSES
from backend.api.referring import answer
from backend.api.replies import candidate_replies, detected_face, face_reply
from backend.api.uploads import image_of, photos_of
from backend.container.services import Services
from backend.domain.errors import ImageRejected, InvalidField
from backend.domain.face import Face, GradedFace, Template
from backend.recognition.enrol import Photo
from backend.recognition.identify import Search
from backend.schemas.errors import ErrorBody, ErrorReply
from backend.schemas.recognition import (
    DetectReply,
    EmbeddedFace,
    EmbeddingDecision,
    EmbeddingProbe,
    EmbedReply,
    IdentifiedImage,
    IdentifyReply,
    VerifyReply,
)

Seen = TypeVar("Seen", Face, GradedFace)

router = APIRouter(
    tags=["recognition"],
    responses=COMMON_RESPONSES | {409: answer(ErrorReply) | {"description": "Another model's embedding"}},
)

Images = Annotated[list[UploadFile], File(description="One picture, or several.")]
Image = Annotated[UploadFile, File(description="A picture.")]
Limit = Annotated[int, Form(ge=1, le=100, description="How many candidates to name at most, for each face.")]
Threshold = Annotated[float | None, Form(ge=0, le=1, description="A similarity, in the place of the server's own.")]


@router.post("/identify")
def identify(
    services: ServicesDep,
    _slot: RecognitionSlot,
    images: Images,
    limit: Limit = 5,
    threshold: Threshold = None,
    group: Annotated[list[str] | None, Form(description="Look among these groups only; once for each.")] = None,
) -> IdentifyReply:
    """Say who is in each image, if anyone; a bad image does not spoil the others."""
    search = Search(threshold, limit, _among(services, group or []))
    photos = photos_of(services, images, "images")
    results = [_identified(services, index, photo, search) for index, photo in enumerate(photos)]
    identifier = services.recognition.identifier
    used = identifier.rule.threshold if threshold is None else threshold
    return IdentifyReply(model=identifier.model, threshold=used, results=results)


@router.post("/identify/embedding")
def identify_embedding(services: ServicesDep, probe: EmbeddingProbe) -> EmbeddingDecision:
    """Say who an embedding belongs to, if anyone."""
    template = _template(services, probe)
    search = Search(probe.threshold, probe.limit, _among(services, probe.group))
    decision = services.recognition.identifier.identify(template, None, search)
    return EmbeddingDecision(
        model=template.model,
        threshold=decision.threshold,
        decision=decision.verdict,
        person_id=decision.person_id,
        similarity=decision.similarity,
        margin=decision.margin,
        candidates=candidate_replies(decision, probe.limit),
    )


@router.post("/verify")
def verify(
    services: ServicesDep,
    _slot: RecognitionSlot,
    image: Image,
    other: Annotated[UploadFile | None, File(description="The picture to compare with.")] = None,
    person_id: Annotated[str | None, Form(description="The person to compare with, in the place of `other`.")] = None,
    threshold: Threshold = None,
) -> VerifyReply:
    """Say whether two images, or an image and a person, show one person; of each image the largest face counts."""
    if (other is None) == (not person_id):
        raise InvalidField("other", "Send either a second image as 'other' or a person_id.")
    verifier, probe = services.recognition.verifier, image_of(services, image)
    if other is not None:
        verified = verifier.verify_images(probe, image_of(services, other), threshold)
    else:
        verified = verifier.verify_person(probe, cast("str", person_id), threshold)
    return VerifyReply(
        same=verified.same,
        similarity=verified.similarity,
        threshold=verified.threshold,
        model=services.recognition.gallery.model,
    )


@router.post("/detect")
def detect(services: ServicesDep, _slot: RecognitionSlot, image: Image) -> DetectReply:
    """Find the faces of an image and grade them."""
    pipeline, pixels = services.recognition.pipelines.photos, image_of(services, image)
    faces = _largest_first(pipeline.graded(pixels, pipeline.detect(pixels)))
    return DetectReply(faces=[detected_face(face) for face in faces])


@router.post("/embed")
def embed(services: ServicesDep, _slot: RecognitionSlot, image: Image) -> EmbedReply:
    """Find the faces of an image and embed them; nothing is kept."""
    faces = _largest_first(services.recognition.pipelines.photos.analyse(image_of(services, image)))
    replies = [EmbeddedFace(**dict(detected_face(face)), embedding=face.template.embedding.tolist()) for face in faces]
    return EmbedReply(model=services.recognition.gallery.model, faces=replies)


def _identified(services: Services, index: int, photo: Photo, search: Search) -> IdentifiedImage:
    recognition = services.recognition
    try:
        faces = recognition.identifier.identify_image(recognition.decode(photo.data), search)
    except ImageRejected as rejected:
        error = ErrorBody(code=rejected.code, message=rejected.message)
        return IdentifiedImage(index=index, filename=photo.filename, faces=[], error=error)
    replies = [face_reply(face, search.limit) for face in faces]
    return IdentifiedImage(index=index, filename=photo.filename, faces=replies)


def _among(services: Services, groups: Sequence[str]) -> frozenset[str] | None:
    # A form's field that was left empty narrows nothing.
    named = [group for group in groups if group]
    return services.recognition.gallery.members(named) if named else None


def _largest_first(faces: Sequence[Seen]) -> list[Seen]:
    return sorted(faces, key=lambda face: -face.detection.box.area)


def _template(services: Services, probe: EmbeddingProbe) -> Template:
    embedding = np.array(probe.embedding, np.float32)
    length = float(np.linalg.norm(embedding))
    # Another model's embedding is refused for its model first; its length says nothing then.
    if probe.model == services.recognition.gallery.model and len(embedding) != services.recognition.dimensions:
        raise InvalidField("embedding", f"Embeddings of {probe.model} have {services.recognition.dimensions} numbers.")
    if not np.isfinite(length) or length == 0:
        raise InvalidField("embedding", "An embedding is a vector of finite numbers, not all of them zero.")
    return Template(embedding / length, probe.model)
