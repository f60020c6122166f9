"""Files that are in their place whole, or not at all."""

import os
import uuid
from pathlib import Path


def write_whole(path: Path, content: bytes) -> Path:
    """Puts a file in place whole or not at all, even where the power fails or another process does the same.

    Makes its folder where there is none. Raises OSError where it cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{uuid.uuid4().hex}.tmp")
    try:
        with unfinished.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        return unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
