"""The folder of everything that must last: made private, and used by one server at a time."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from backend.domain.errors import ConfigurationError

LOCK_FILE = "server.lock"


def prepare(data_dir: Path) -> None:
    """Make the folder where there is none; only its owner may look inside: faces are biometric data."""
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        (data_dir / ".writable").touch()
        # Another process may be trying the same, and have taken it away already.
        (data_dir / ".writable").unlink(missing_ok=True)
    except OSError as error:
        raise ConfigurationError(f"DATA_DIR: the folder '{data_dir}' cannot be written: {error.strerror}.") from error


@contextmanager
def held(data_dir: Path) -> Iterator[None]:
    """Keep other servers off the folder; raises ConfigurationError where one has it already."""
    lock = FileLock(data_dir / LOCK_FILE, blocking=False)
    try:
        lock.acquire()
    except Timeout:
        message = f"DATA_DIR: another Face Server is running on the folder '{data_dir}'; stop it or choose another."
        raise ConfigurationError(message) from None
    except OSError as error:
        message = f"DATA_DIR: the file '{data_dir / LOCK_FILE}' cannot be locked: {error.strerror}."
        raise ConfigurationError(message) from error
    try:
        yield
    finally:
        lock.release()
