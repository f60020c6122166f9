"""The models that are known, and how far the gallery is made anew by another one, on the wire."""

from typing import Literal

from pydantic import BaseModel, Field


class ModelThresholds(BaseModel):
    """The thresholds that a model comes with; settings go before them."""

    identify: float
    margin: float
    verify: float
    measured: bool = Field(description="Whether they were measured for this model, or are taken from common use.")


class ModelEntry(BaseModel):
    """A model of the catalogue, or one of the user's own that is in use."""

    model: str = Field(description="Its id; `MODEL_FILE` and `DETECTOR_FILE` take it where its file is in `MODEL_DIR`.")
    role: Literal["embedder", "detector"]
    licence: str
    source: str = Field(description="Where its file comes from; nothing is downloaded here.")
    file: str = Field(description="The name of its file.")
    there: bool = Field(description="Whether a file of that name is in `MODEL_DIR` or the weights package, or in use.")
    in_use: bool
    fed: str | None = Field(default=None, description="How an embedder is fed.")
    thresholds: ModelThresholds | None = Field(default=None, description="An embedder's own.")


class Reembedding(BaseModel):
    """How far the gallery is made anew by the model that is wanted."""

    model: str = Field(description="The embedder that is wanted.")
    serving: str = Field(description="The embedder that answers now.")
    done: int = Field(description="Kept faces that are made anew.")
    total: int = Field(description="Kept faces that there are to make anew, those that are done counted.")
    without_face: int = Field(
        description="Templates of other models that stay behind: no usable face of them was kept."
    )
    need_new_photos: list[str] = Field(description="Who has only such templates, and is not recognised by that model.")


class ModelList(BaseModel):
    """Every model that is known."""

    models: list[ModelEntry]
    gallery: Reembedding
