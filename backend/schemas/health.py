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
    self_test: Literal["passed"] = Field(
        default="passed", description="The models recognised a known face at the start, or there would be no answer."
    )
    disk_free_mb: int = Field(default=0, description="Room left for the data.")
    degraded: list[str] = Field(default_factory=list, description="What works less well than it should, in sentences.")
