"""Takes secrets out of what services say: they like to repeat the address that they were called by."""

from collections.abc import Iterable, Iterator
from urllib.parse import parse_qsl, unquote, urlsplit

MASKED = "***"
_TELLING = 4
"""Shorter parts of an address are no secret, and would be found in every text."""


def masked(text: str, secrets: Iterable[str | None]) -> str:
    """The text without these secrets; of one that is an address, without any part of it but its scheme and host."""
    parts = {part for secret in secrets if secret for part in _parts(secret)}
    # The longest first: what is left of an address whose host was masked would still tell its path.
    for part in sorted(parts, key=len, reverse=True):
        text = text.replace(part, MASKED)
    return text


def _parts(secret: str) -> Iterator[str]:
    yield secret
    if "://" not in secret:
        return
    try:
        address = urlsplit(secret)
    except ValueError:
        # It is no address after all, and nobody is called by it.
        return
    values = [value for _, value in parse_qsl(address.query)]
    users = address.netloc.rpartition("@")[0].split(":")
    for part in (address.path, address.query, *address.path.split("/"), *values, *users):
        yield from (form for form in (part, unquote(part)) if len(form) >= _TELLING)
