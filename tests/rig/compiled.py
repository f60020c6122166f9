"""Networks that are compiled once in a process, whoever loads them."""

from collections.abc import Hashable
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from backend.vision.runtime import InferenceSession
from backend.vision.runtime_openvino import OpenVinoRuntime

KEPT = 8
"""So many are in use at a time: two models for photos and for cameras, each in a few precisions."""

_load = OpenVinoRuntime.load


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A network to be compiled; the same as another one if it is of the same bytes, to be run in the same way."""

    runtime: OpenVinoRuntime = field(compare=False)
    file: Path = field(compare=False)
    content: bytes
    device: str
    threads: int | None
    options: tuple[Hashable, ...]
    named: tuple[tuple[str, Hashable], ...]


def load(runtime: OpenVinoRuntime, model: Path, *options: Hashable, **named: Hashable) -> InferenceSession:
    """Stands in for `OpenVinoRuntime.load`, which takes half a second of every test with models of its own."""
    # What cannot be read is told of by the real one.
    content = sha256(model.read_bytes()).digest() if model.is_file() else b""
    threads = runtime._threads  # noqa: SLF001 - nobody else has to know it
    wanted = _Wanted(runtime, model, content, runtime.device, threads, options, tuple(sorted(named.items())))
    return _compiled(wanted)


@lru_cache(KEPT)
def _compiled(wanted: _Wanted) -> InferenceSession:
    options: tuple[Any, ...] = wanted.options
    named: dict[str, Any] = dict(wanted.named)
    return _load(wanted.runtime, wanted.file, *options, **named)
