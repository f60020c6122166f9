"""Encrypts what must not be read from a stolen database: camera links and bot tokens."""

import base64
import os
from contextlib import suppress
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from backend.domain.errors import ConfigurationError, StorageError

KEY_FILE = "secret.key"


class SecretBox:
    """Encrypts and decrypts short texts with one key (Fernet: AES-128-CBC with HMAC-SHA256)."""

    def __init__(self, key: str) -> None:
        """Take any text as the key; its strength is the secrecy of the box."""
        if not key.strip():
            raise ConfigurationError("The key that encrypts stored secrets is empty; restore secret.key or SECRET_KEY.")
        derived = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"face-server secrets").derive(key.encode())
        self._fernet = Fernet(base64.urlsafe_b64encode(derived))

    def encrypt(self, text: str) -> str:
        """The text, unreadable without the key."""
        return self._fernet.encrypt(text.encode()).decode()

    def decrypt(self, token: str) -> str:
        """The text that was encrypted; raises StorageError where the key is another one."""
        try:
            return self._fernet.decrypt(token.encode()).decode()
        except InvalidToken:
            message = (
                "A stored secret cannot be read with this key; restore secret.key or SECRET_KEY as it was, or have "
                "`face-server forget-secrets` tell which cameras and channels must be entered anew without it."
            )
            raise StorageError(message) from None


def new_key() -> str:
    """A key that nothing was encrypted with yet."""
    return Fernet.generate_key().decode()


def has_key(data_dir: Path) -> bool:
    """Whether there is a key file in `data_dir`."""
    return (data_dir / KEY_FILE).exists()


def load_key(data_dir: Path) -> str:
    """The key of the key file in `data_dir`, which is made (mode 600) where there is none.

    Raises ConfigurationError where it cannot be read or made.
    """
    path = data_dir / KEY_FILE
    try:
        if not has_key(data_dir):
            _create_key_file(path)
        return path.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise ConfigurationError(f"The key file '{path}' cannot be used: {reason}.") from error


def _create_key_file(path: Path) -> None:
    # Written aside and linked into place: a crash leaves no empty key, and of two processes that start
    # at once the second keeps the first one's key.
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(new_key().encode())
        file.flush()
        os.fsync(file.fileno())
    with suppress(FileExistsError):
        os.link(draft, path)
    draft.unlink()
