"""The `.env` file, given a token where it has none."""

import os
import re
import secrets
import tempfile
from pathlib import Path

from pydantic import SecretStr

from backend.domain.errors import ConfigurationError
from backend.settings import is_usable_token

ENV_FILE = Path(".env")

_TOKEN_LINE = re.compile(r"^[ \t]*(?:export[ \t]+)?AUTH_TOKEN[ \t]*=[ \t]*(?P<value>.*?)[ \t\r]*$", re.MULTILINE)
_ADDRESS_LINES = {
    "UTILITIES_URL": 'UTILITIES_URL="http://localhost:8000/person"',
    "CAMERA_SCHEDULER_URL": 'CAMERA_SCHEDULER_URL="http://localhost:8000/cameras/schedule"',
}


def ensure_env_file(path: Path = ENV_FILE) -> bool:
    """Give the file a strong AUTH_TOKEN if it has none that may be used; True if it was written.

    All its other lines stay as they are. The file is replaced at once or not at all, and only its owner may read it.
    Raises ConfigurationError if it cannot be read or written.
    """
    try:
        text = path.read_bytes().decode() if path.exists() else ""
        if _has_usable_token(text):
            return False
        _write_private(path.resolve(), _with_token(text, secrets.token_urlsafe(32)))
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise ConfigurationError(f"{path} cannot be given an AUTH_TOKEN: {reason}.") from error
    return True


def write_setting(name: str, value: str, path: Path = ENV_FILE) -> None:
    """Give the file that setting, in the place of the one it had; its other lines stay as they are.

    The file is replaced at once or not at all. Raises ConfigurationError if it cannot be read or written.
    """
    line = re.compile(rf"^[ \t]*(?:export[ \t]+)?{re.escape(name)}[ \t]*=.*$\n?", re.MULTILINE)
    try:
        text = line.sub("", path.read_bytes().decode() if path.exists() else "")
        separator = "\n" if text and not text.endswith("\n") else ""
        _write_private(path.resolve(), f"{text}{separator}{name}={value}\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise ConfigurationError(f"{path} cannot be given {name}: {reason}.") from error


def _has_usable_token(text: str) -> bool:
    # Of several lines the last one counts, as for whoever reads the file later.
    values = [match["value"].split(" #")[0].strip("\"' ") for match in _TOKEN_LINE.finditer(text)]
    return bool(values) and is_usable_token(SecretStr(values[-1]))


def _with_token(text: str, token: str) -> str:
    line = f'AUTH_TOKEN="{token}"'
    added = [address for name, address in _ADDRESS_LINES.items() if name not in text]
    *_, last = None, *_TOKEN_LINE.finditer(text)
    if last:
        text = text[: last.start()] + line + text[last.end() :]
    else:
        added.insert(0, line)
    separator = "\n" if text and not text.endswith("\n") else ""
    return text + separator + "".join(f"{new}\n" for new in added)


def _write_private(path: Path, text: str) -> None:
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f"{path.name}.", delete=False) as file:
        temporary = Path(file.name)
        try:
            file.write(text.encode())
            file.flush()
            os.fsync(file.fileno())
            temporary.replace(path)
        except OSError:
            temporary.unlink()
            raise
