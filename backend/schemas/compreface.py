"""CompreFace's API on the wire, as its clients know it."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from backend.schemas.sent import Sent


class CompreFaceError(BaseModel):
    """What went wrong, with CompreFace's number for it."""

    message: str
    code: int


class SubjectRequest(Sent):
    """The name of a subject, which is a person's id."""

    # Its own server ignores what it does not know.
    model_config = ConfigDict(extra="ignore")

    subject: Annotated[str, Field(min_length=1, max_length=128)]


class SubjectReply(BaseModel):
    """A subject."""

    subject: str


class SubjectList(BaseModel):
    """Every subject."""

    subjects: list[str]


class Updated(BaseModel):
    """Whether a subject was renamed."""

    updated: bool


class Deleted(BaseModel):
    """How many were deleted."""

    deleted: int


class Example(BaseModel):
    """A saved face of a subject."""

    image_id: str = Field(description="A UUID: the 128 bits of the template's id.")
    subject: str


class ExamplePage(BaseModel):
    """A page of the saved faces, in the order of enrolment."""

    faces: list[Example]
    page_number: int
    page_size: int
    total_pages: int
    total_elements: int


class Box(BaseModel):
    """A face's rectangle in pixels of the upright image, with the detector's score."""

    probability: float
    x_max: int
    y_max: int
    x_min: int
    y_min: int


class ExecutionTime(BaseModel):
    """Milliseconds."""

    detector: float
    calculator: float


class PluginsVersions(BaseModel):
    """What found and described the faces."""

    detector: str
    calculator: str


class FoundFace(BaseModel):
    """A face; what no plugin or status asked for is absent."""

    box: Box
    landmarks: list[tuple[int, int]] | None = Field(
        default=None, description="Left eye, right eye, nose, left and right corner of the mouth, as the viewer sees."
    )
    embedding: list[float] | None = None
    execution_time: ExecutionTime | None = None


class Prediction(BaseModel):
    """A subject that a face may be."""

    subject: str
    similarity: float = Field(description="0–1; 0.5 is this server's own threshold.")


class RecognisedFace(FoundFace):
    """A face and the subjects most like it."""

    subjects: list[Prediction]


class ComparedFace(FoundFace):
    """A face and how alike it is to the one it is compared with."""

    similarity: float = Field(description="0–1; 0.5 is this server's own threshold.")


class Detection(BaseModel):
    """The faces of an image, the largest first."""

    result: list[FoundFace]
    plugins_versions: PluginsVersions | None = None


class Recognition(BaseModel):
    """Who is in an image."""

    result: list[RecognisedFace]
    plugins_versions: PluginsVersions | None = None


class Comparison(BaseModel):
    """The faces of an image beside a saved one."""

    result: list[ComparedFace]
    plugins_versions: PluginsVersions | None = None


class VerifiedPair(BaseModel):
    """The source's face, and the target's faces beside it."""

    source_image_face: FoundFace
    face_matches: list[ComparedFace]
    plugins_versions: PluginsVersions | None = None


class Verification(BaseModel):
    """The comparison of two images."""

    result: list[VerifiedPair]
