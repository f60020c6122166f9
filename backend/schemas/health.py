"""The state of the service on the wire."""

from typing import Literal

from pydantic import BaseModel, Field


class Health(BaseModel):
    """The process is alive."""

    status: Literal["ok"] = "ok"


class Readiness(BaseModel):
    """Whether requests can be served, and by what."""

    status: Literal["ready"] = "ready"
    model: str = Field(description="The embedding model that identifies people.")
    device: str = Field(description="What the models run on.")
    degraded: list[str] = Field(default_factory=list, description="What works less well than it should, in sentences.")
