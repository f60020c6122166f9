"""The embedder in int8, as `face-server optimise` made and measured it on this machine.

int8 is coarser than bf16 by far, and what is lost depends on the processor too: without instructions for it (VNNI) sums
of products are clipped. So a form is kept for one processor, one release of the engine and one file of weights, beside
that file, and never taken unasked. See docs/decisions/0019-int8-made-on-the-machine.md.
"""

import hashlib
import io
from pathlib import Path
from typing import Final
from zipfile import BadZipFile, ZipFile

from backend.domain.errors import ConfigurationError, ModelError
from backend.vision.runtime import Precision, Runtime
from backend.vision.whole_files import write_whole

LEAST_SIMILARITY: Final = 0.97
"""Between templates in int8 and in f32, of ninety-nine faces in a hundred: below it they are no longer of one model.

Measured with 308 LFW faces on a processor without VNNI: least 0.981, one in a hundred 0.987, median 0.996; with every
convolution quantised to its full range 0.520, 0.668 and 0.896. Two photos of one person are usually 0.7 alike."""
_SUFFIX: Final = ".int8"
_GRAPH, _WEIGHTS = "model.xml", "model.bin"


def file_of(embedder: Path, runtime: Runtime, precision: Precision) -> Path:
    """The file that an embedder is loaded from in a precision; raises ConfigurationError where int8 was not made."""
    return kept(embedder, runtime) if precision == "int8" else embedder


def kept(embedder: Path, runtime: Runtime) -> Path:
    """The file of an embedder's int8 form for this machine.

    Raises ConfigurationError, with what to do, where none was made for this processor, engine and file of weights.
    """
    place = _place(embedder, runtime)
    if not place.is_file():
        raise ConfigurationError(
            "PRECISION=int8: no int8 form of the embedder was made for this processor and this release of the engine. "
            "Make one with: face-server optimise --images DIR. Or set PRECISION to auto or f32."
        )
    return place


def keep(embedder: Path, runtime: Runtime, packed_form: bytes) -> Path:
    """Keep an embedder's int8 form for this machine, in the place of an earlier one; raises ModelError as `prepare`."""
    try:
        return write_whole(_place(embedder, runtime), packed_form)
    except OSError as error:
        raise ModelError(f"The int8 form cannot be written to {embedder.parent}: {error.strerror}.") from error


def remove(folder: Path) -> int:
    """Remove every int8 form in a folder of models, those of earlier releases too; answers how many there were."""
    forms = sorted(folder.glob(f"*{_SUFFIX}"))
    for form in forms:
        form.unlink(missing_ok=True)
    return len(forms)


def packed(graph: bytes, weights: bytes) -> bytes:
    """The two parts of a model of OpenVINO as one file, whose checksums show damage."""
    content = io.BytesIO()
    with ZipFile(content, "w") as archive:
        archive.writestr(_GRAPH, graph)
        archive.writestr(_WEIGHTS, weights)
    return content.getvalue()


def unpacked(file: Path) -> tuple[bytes, bytes]:
    """Graph and weights of a packed form; raises ModelError, with what to do, where it is damaged."""
    try:
        with ZipFile(file) as archive:
            return archive.read(_GRAPH), archive.read(_WEIGHTS)
    except (BadZipFile, KeyError, OSError) as error:
        raise ModelError(
            f"The embedder's int8 form {file.name} is damaged. Make it anew with: face-server optimise --images DIR. "
            "Or set PRECISION to auto.",
            model=file.name,
        ) from error


def _place(embedder: Path, runtime: Runtime) -> Path:
    key = hashlib.sha256(f"{runtime.identity}, {embedder.name}".encode()).hexdigest()
    return embedder.with_name(f"{embedder.stem}-{key[:16]}{_SUFFIX}")
