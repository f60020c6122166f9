"""The face embedder SFace.

Zhong et al., "SFace: Sigmoid-Constrained Hypersphere Loss for Robust Face Recognition" (2021), as published in the
OpenCV Zoo.
"""

from backend.vision.conventions import RAW
from backend.vision.network_embedder import NetworkEmbedder
from backend.vision.runtime import InferenceSession


class SFace(NetworkEmbedder):
    """SFace on an inference session: RGB 0–255 in, 128 numbers out; mean and scale are part of the model."""

    def __init__(self, session: InferenceSession, model: str) -> None:
        """Embed by `session`; `model` is the id of its weights (see `models.ModelFile.name`)."""
        super().__init__(session, model, RAW, dimensions=128)
