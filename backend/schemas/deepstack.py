"""The face routes of DeepStack and CodeProject.AI on the wire, as their clients know them."""

from typing import Literal

from pydantic import BaseModel, Field


class DeepStackError(BaseModel):
    """Why it was not done."""

    success: Literal[False] = False
    error: str
    code: int = Field(description="The HTTP status.")


class Done(BaseModel):
    """It was done."""

    success: Literal[True] = True
    code: int = 200


class Registered(Done):
    """The photos were taken."""

    message: Literal["face added", "face updated"]


class Users(Done):
    """Everybody who is enrolled."""

    faces: list[str]


class Similarity(Done):
    """How alike two faces are."""

    similarity: float = Field(description="0–1; 0.67 is this server's own threshold.")


class FaceBox(BaseModel):
    """A face's rectangle in pixels of the upright image."""

    confidence: float = Field(description="The detector's score, 0–1.")
    x_min: int
    y_min: int
    x_max: int
    y_max: int


class NamedBox(FaceBox):
    """A face and who it is."""

    userid: str = Field(description="`unknown` for somebody who is not.")
    confidence: float = Field(description="0–1; 0.67 is this server's own threshold; 0 for somebody unknown.")


class Timed(Done):
    """How long it took, in milliseconds, as the one server's clients and the other's look for it."""

    count: int = Field(description="How many faces.")
    duration: int
    inferenceMs: int  # noqa: N815 — the name that its clients read
    processMs: int  # noqa: N815 — the name that its clients read


class DetectedFaces(Timed):
    """The faces of an image, the largest first."""

    predictions: list[FaceBox]


class RecognisedFaces(Timed):
    """Who is in an image, the largest face first."""

    predictions: list[NamedBox]
