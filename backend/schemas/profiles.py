"""What is known of a person beside their face, on the wire."""

from typing import Annotated

from pydantic import BaseModel, Field, StringConstraints

from backend.schemas.rules import Name
from backend.schemas.sent import Sent

Group = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=64, pattern=r"^[^\x00-\x1f\x7f]+$")
]


class ProfileChange(Sent):
    """What to change of a person; what is left out stays."""

    display_name: Name | None = Field(default=None, description="What messages call them; None for their id.")
    note: Annotated[str, StringConstraints(max_length=2000)] | None = None
    groups: list[Group] = Field(default=[], max_length=50, description="What rules may be about.")


class Profile(BaseModel):
    """A person."""

    person_id: str
    embeddings: int = Field(description="How many templates they have.")
    display_name: str | None
    note: str | None
    groups: list[str]
