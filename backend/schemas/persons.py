"""People on the wire: `GET /persons` and the actions of `POST /person`."""

from typing import Literal

from pydantic import BaseModel, Field

from backend.domain.identity import Verdict


class PersonEntry(BaseModel):
    """An enrolled person."""

    person_id: str
    embeddings: int = Field(description="How many templates they have.")


class PersonList(BaseModel):
    """Everybody enrolled, sorted by id."""

    persons: list[PersonEntry]
    total: int


class RejectedPhoto(BaseModel):
    """A photo that was not taken, why, and by how much."""

    index: int = Field(description="The photo's place in the request, from 0.")
    filename: str
    code: Literal[
        "invalid_image",
        "image_too_large",
        "unsupported_format",
        "face_not_found",
        "multiple_faces",
        "face_too_small",
        "low_quality",
        "duplicate",
        "identity_conflict",
    ]
    message: str
    measured: float | None = Field(default=None, description="What was measured of it, where a limit was missed.")
    required: float | None = Field(default=None, description="What it should have been.")


class AddReply(BaseModel):
    """What became of the photos of one enrolment."""

    action: Literal["add"] = "add"
    person_id: str
    added: int = Field(description="How many photos of this request were taken.")
    embeddings: int = Field(description="How many templates the person has now.")
    rejected: list[RejectedPhoto]


class BoxReply(BaseModel):
    """A rectangle in pixels of the upright image."""

    x: float
    y: float
    width: float
    height: float


class PointReply(BaseModel):
    """A place in pixels of the upright image."""

    x: float
    y: float


class LandmarksReply(BaseModel):
    """Five points of a face; right and left are the person's own."""

    right_eye: PointReply
    left_eye: PointReply
    nose: PointReply
    right_mouth: PointReply
    left_mouth: PointReply


class QualityReply(BaseModel):
    """How useful a face is for matching; not a match score."""

    score: float = Field(description="The whole, 0–1, higher is better.")
    face_size: float = Field(description="The shorter side of the face's box in pixels.")
    sharpness: float
    brightness: float
    pose: float


class CandidateReply(BaseModel):
    """A person the face might be."""

    person_id: str
    similarity: float = Field(description="Cosine, -1 to 1, higher is more alike.")


class DetectedFace(BaseModel):
    """Where a face is, and how useful it would be."""

    box: BoxReply
    landmarks: LandmarksReply
    detection_score: float
    quality: QualityReply


class FaceReply(DetectedFace):
    """One face of the image and who it is, if anyone."""

    decision: Verdict
    person_id: str | None
    similarity: float | None
    margin: float | None = Field(description="How far the best candidate is ahead of the second.")
    candidates: list[CandidateReply] = Field(description="At most five people, best first, each once.")


class RetrieveReply(BaseModel):
    """Who is in the image; the first fields speak of the most prominent face."""

    action: Literal["retrieve"] = "retrieve"
    person_id: str | None
    similarity: float | None
    decision: Verdict | Literal["no_face"]
    threshold: float
    model: str
    faces: list[FaceReply]


class RemoveReply(BaseModel):
    """What was removed."""

    action: Literal["remove"] = "remove"
    person_id: str
    removed: int = Field(description="How many templates were removed with the person.")
