"""Jobs on the wire."""

from pydantic import AwareDatetime, BaseModel, Field

from backend.domain.job import JobState


class RefusedFile(BaseModel):
    """A photo that was not taken, and why."""

    name: str = Field(description="Its path in the archive.")
    code: str
    message: str


class ImportReport(BaseModel):
    """How far an import is, and what came of it."""

    total: int = Field(description="How many photos there are; of an export, how many people.")
    done: int
    added: int = Field(description="How many templates are new.")
    refused: int
    refusals: list[RefusedFile] = Field(description="The first thousand.")
    people: int = Field(description="Of how many people a photo was taken.")


class JobReply(BaseModel):
    """A job that goes on in the background."""

    job_id: str
    kind: str
    state: JobState
    created_at: AwareDatetime
    ended_at: AwareDatetime | None
    report: ImportReport


class JobList(BaseModel):
    """Jobs, the newest first."""

    jobs: list[JobReply]
    next_cursor: str | None
