"""Embeddings to bytes and back: little-endian float32, the same on every machine."""

import numpy as np
from numpy.typing import NDArray


def to_bytes(embedding: NDArray[np.float32]) -> bytes:
    """The vector as it is stored: four bytes a dimension."""
    return embedding.astype("<f4").tobytes()


def from_bytes(data: bytes) -> NDArray[np.float32]:
    """The vector of such bytes."""
    return np.frombuffer(data, dtype="<f4").astype(np.float32)
