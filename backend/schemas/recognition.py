"""Recognition on the wire of `/v1`."""

from typing import Annotated

from pydantic import BaseModel, Field

from backend.domain.identity import Verdict
from backend.schemas.errors import ErrorBody
from backend.schemas.persons import CandidateReply, DetectedFace, FaceReply
from backend.schemas.sent import Sent, Whole


class IdentifiedImage(BaseModel):
    """One image of an identify request: its faces, or why it could not be read."""

    index: int = Field(description="The image's place in the request, from 0.")
    filename: str
    faces: list[FaceReply]
    error: ErrorBody | None = Field(default=None, description="Why this image could not be read; the others are.")


class IdentifyReply(BaseModel):
    """Who is in each image, in the order they were sent."""

    model: str
    threshold: float
    results: list[IdentifiedImage]


class EmbeddingProbe(Sent):
    """An embedding that somebody computed earlier with `/v1/embed`."""

    model: str = Field(description="The model that made it; another than the server's is refused with 409.")
    embedding: list[Annotated[float, Field(allow_inf_nan=False)]] = Field(min_length=1, max_length=4096)
    limit: Whole = Field(default=5, ge=1, le=100, description="How many candidates to answer at most.")
    threshold: float | None = Field(default=None, ge=0, le=1, description="In the place of the server's own.")
    group: list[str] = Field(default=[], max_length=50, description="Look among these groups only.")


class EmbeddingDecision(BaseModel):
    """Who an embedding belongs to, if anyone."""

    model: str
    threshold: float
    decision: Verdict
    person_id: str | None
    similarity: float | None
    margin: float | None
    candidates: list[CandidateReply]


class DetectReply(BaseModel):
    """The faces of an image, the largest first."""

    faces: list[DetectedFace]


class EmbeddedFace(DetectedFace):
    """A face with its embedding."""

    embedding: list[float] = Field(description="A vector of length 1; compare by cosine, with the same model only.")


class EmbedReply(BaseModel):
    """The faces of an image with their embeddings, the largest first."""

    model: str
    faces: list[EmbeddedFace]


class VerifyReply(BaseModel):
    """Whether two faces are one person's."""

    same: bool
    similarity: float
    threshold: float
    model: str
