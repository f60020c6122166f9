"""The face routes of DeepStack and CodeProject.AI, as video recorders speak them."""

from collections.abc import Sequence
from functools import partial

from fastapi import APIRouter

from backend.api.access import needs
from backend.api.compat.analysis import Analysis, Look, Seen, analysed
from backend.api.compat.deepstack_requests import RESPONSES, DeepStackRoute, SentForm, form_of
from backend.api.compat.scale import Scale
from backend.api.deps import RecognitionSlot, ServicesDep
from backend.container.services import Services
from backend.domain.access import Scope
from backend.domain.errors import NothingEnrolled, PersonNotFound
from backend.domain.face import Detection
from backend.domain.geometry import RgbImage
from backend.domain.person import checked_person_id, composed
from backend.recognition.identify import IdentifiedFace, Search
from backend.schemas.deepstack import (
    DetectedFaces,
    Done,
    FaceBox,
    NamedBox,
    RecognisedFaces,
    Registered,
    Similarity,
    Users,
)
from backend.vision.image import decode

router = APIRouter(
    prefix="/v1/vision/face",
    tags=["DeepStack, CodeProject.AI"],
    route_class=DeepStackRoute,
    responses=RESPONSES,
)

ENOUGH = 0.67
"""DeepStack's own `min_confidence` of recognition; ours is told on that scale."""
CERTAIN = 0.4
"""CodeProject.AI's own `min_confidence` of detection."""
UNKNOWN = "unknown"


@router.post("", openapi_extra=form_of("image", min_confidence="number"))
# Some clients end it with a slash, and send no form again to where a redirection leads.
@router.post("/", include_in_schema=False)
def vision_face(services: ServicesDep, sent: SentForm, _slot: RecognitionSlot) -> DetectedFaces:
    """Find the faces of an image."""
    analysis = _analysed(services, sent, _as_found, sent.confidence(CERTAIN))
    boxes = [FaceBox(confidence=face.score, **_corners(face)) for face in analysis.faces]
    return DetectedFaces(predictions=boxes, **_timed(analysis))


@router.post("/recognize", openapi_extra=form_of("image", min_confidence="number"))
def vision_face_recognise(services: ServicesDep, sent: SentForm, _slot: RecognitionSlot) -> RecognisedFaces:
    """Say who each face is, or `unknown`."""
    identifier = services.recognition.identifier
    scale = Scale(identifier.rule.threshold, ENOUGH)
    search = Search(threshold=scale.inward(sent.confidence(ENOUGH)))
    analysis = _analysed(services, sent, partial(identifier.identify_faces, search=search), 0)
    boxes = [_named(identified, scale) for identified in analysis.faces]
    return RecognisedFaces(predictions=boxes, **_timed(analysis))


@router.post("/register", dependencies=[needs(Scope.ENROL)], openapi_extra=form_of("image", userid="string"))
def vision_face_register(services: ServicesDep, sent: SentForm, _slot: RecognitionSlot) -> Registered:
    """Enrol photos of a person, in any number of fields of any name; those of before stay."""
    person_id = checked_person_id(sent.userid)
    sent.photo(next(iter(sent.photos), "image"))
    known = services.recognition.gallery.count(person_id) > 0
    try:
        services.recognition.enroller.enrol(person_id, sent.photos.values())
    except NothingEnrolled as refused:
        if any(rejection["code"] != "duplicate" for rejection in refused.rejected):
            raise
    return Registered(message="face updated" if known else "face added")


@router.post("/list", openapi_extra=form_of())
def vision_face_list(services: ServicesDep, _sent: SentForm) -> Users:
    """List the people."""
    return Users(faces=[person.person_id for person in services.recognition.gallery.people()])


@router.post("/delete", dependencies=[needs(Scope.ENROL)], openapi_extra=form_of(userid="string"))
def vision_face_delete(services: ServicesDep, sent: SentForm) -> Done:
    """Remove a person; nobody of that name is as good as removed."""
    try:
        services.recognition.gallery.remove(composed(sent.userid))
    except PersonNotFound:
        return Done()
    return Done()


@router.post("/match", openapi_extra=form_of("image1", "image2"))
def vision_face_match(services: ServicesDep, sent: SentForm, _slot: RecognitionSlot) -> Similarity:
    """Say how alike the largest faces of two images are."""
    limits = services.recognition.limits
    one, other = decode(sent.photo("image1").data, limits), decode(sent.photo("image2").data, limits)
    verified = services.recognition.verifier.verify_images(one, other)
    return Similarity(similarity=round(Scale(verified.threshold, ENOUGH).outward(verified.similarity), 5))


def _analysed(services: Services, sent: SentForm, look: Look[Seen], min_score: float) -> Analysis[Seen]:
    return analysed(services, decode(sent.photo("image").data, services.recognition.limits), look, min_score)


def _as_found(_image: RgbImage, found: Sequence[Detection]) -> Sequence[Detection]:
    return found


def _named(identified: IdentifiedFace, scale: Scale) -> NamedBox:
    decision = identified.decision
    known = decision.person_id is not None
    confidence = scale.outward(decision.similarity or 0) if known else 0.0
    return NamedBox(
        userid=decision.person_id or UNKNOWN, confidence=round(confidence, 5), **_corners(identified.face.detection)
    )


def _corners(face: Detection) -> dict[str, int]:
    box = face.box
    return {"x_min": round(box.x), "y_min": round(box.y), "x_max": round(box.right), "y_max": round(box.bottom)}


def _timed(analysis: Analysis[object]) -> dict[str, int]:
    took = round(analysis.detecting_ms + analysis.describing_ms)
    return {"count": len(analysis.faces), "duration": took, "inferenceMs": took, "processMs": took}
