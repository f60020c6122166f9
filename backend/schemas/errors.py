"""The one envelope of every error."""

from typing import Any

from pydantic import BaseModel, Field


class ErrorBody(BaseModel):
    """What went wrong."""

    code: str = Field(
        description="A stable word for programs, such as `face_not_found`.", examples=["person_not_found"]
    )
    message: str = Field(description="A sentence for people.", examples=["No person 'alice' is enrolled."])
    details: dict[str, Any] = Field(default_factory=dict, description="The facts behind it.")


class ErrorReply(BaseModel):
    """An error and the request it belongs to."""

    error: ErrorBody
    request_id: str = Field(description="Also in the `X-Request-ID` header and in the server's log.")
