"""A person's photos and templates on the wire of `/v1`."""

from typing import Literal

from pydantic import AwareDatetime, BaseModel, Field

from backend.schemas.persons import RejectedPhoto
from backend.schemas.profiles import Profile, ProfileChange
from backend.schemas.sent import Sent

QualityMode = Literal["off", "low", "standard", "strict"]


class PersonPage(BaseModel):
    """Some of the people, sorted by id."""

    persons: list[Profile]
    total: int = Field(description="How many there are on all pages.")
    next_cursor: str | None = Field(description="Send it back as `cursor` for the next page; None on the last.")


class NewPerson(ProfileChange):
    """A person to be enrolled, so far without a photo."""

    person_id: str | None = Field(default=None, description="Without it a new id is made.")


class Renaming(Sent):
    """The id a person is to have."""

    person_id: str


class Merging(Sent):
    """The person who is to have everything."""

    into: str


class PersonRemoved(BaseModel):
    """Who was removed, and with how many templates."""

    person_id: str
    removed: int


class FaceEntry(BaseModel):
    """One template of a person."""

    face_id: str
    model: str
    quality: float
    source_name: str = Field(description="The name of the photo it came from.")
    created_at: AwareDatetime
    picture: str | None = Field(description="The path of the aligned face in this API; None where it is not kept.")


class FaceList(BaseModel):
    """A person's templates, in the order of enrolment."""

    faces: list[FaceEntry]
    total: int
    next_cursor: str | None = None


class FaceRemoved(BaseModel):
    """The template that is gone."""

    face_id: str


class AcceptedPhoto(BaseModel):
    """A photo that was taken."""

    index: int = Field(description="The photo's place in the request, from 0.")
    filename: str
    face_id: str | None = Field(description="None in a dry run.")
    quality: float


class EnrolledPhotos(BaseModel):
    """What became of each photo."""

    person_id: str
    dry_run: bool
    accepted: list[AcceptedPhoto]
    rejected: list[RejectedPhoto]
    embeddings: int = Field(description="How many templates the person has now.")
