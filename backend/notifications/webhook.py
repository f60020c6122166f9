"""Webhooks: JSON by POST to any address, signed so that its receiver can tell who sent it."""

import asyncio
import base64
import hashlib
import hmac
import json
import logging
import time
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from backend.domain.errors import DeliveryDelayed, DeliveryError, DeliveryRefused
from backend.domain.notification import Channel, Digest, Notification, Receipt
from backend.domain.sighting import Sighting
from backend.notifications.loop_thread import CLOSING_S, LoopThread
from backend.notifications.masking import masked

TIMEOUT_S = 20.0
VERSION = 1
_CONNECTIONS = 64
_QUOTED = 200
"""How much of a refusal's body is repeated."""
_READ_BYTES = 65_536
"""How much of an answer is read at all: whoever answers a webhook with more does not mean us."""
_LATER = frozenset({408, 425, 429})


class WebhookNotifier:
    """Posts JSON (settings `url`, `secret`, `picture`); see Notifier. Redirects are not followed.

    The body is signed with HMAC-SHA256 over the time stamp's digits, a full stop and the body's bytes.
    """

    def __init__(self, timeout_s: float = TIMEOUT_S) -> None:
        """Give each message `timeout_s` seconds from connecting to the answer."""
        # The HTTP client logs addresses, and a webhook's address is often its secret.
        for name in ("httpx", "httpcore"):
            logging.getLogger(name).setLevel(logging.CRITICAL + 1)
        self._timeout_s = timeout_s
        self._thread = LoopThread("webhook")
        limits = httpx.Limits(max_connections=_CONNECTIONS)
        self._client = httpx.AsyncClient(timeout=timeout_s, follow_redirects=False, limits=limits, trust_env=False)

    def send(self, channel: Channel, notification: Notification) -> Receipt:
        """Post the message; see Notifier."""
        body = document(notification, picture=_wants_picture(channel))
        return self._thread.run(lambda: self._send(channel, body, notification.event_id))

    def send_together(self, channel: Channel, digest: Digest) -> Receipt:
        """Post one message of the type `digest`; see Notifier."""
        body = digest_document(digest, picture=_wants_picture(channel))
        return self._thread.run(lambda: self._send(channel, body, digest.event_id))

    def close(self, within_s: float = CLOSING_S) -> None:
        """Break off what is being sent and close the connections, in `within_s` seconds; see Notifier."""
        self._thread.close(self._client.aclose, within_s)

    async def _send(self, channel: Channel, body: bytes, event_id: str) -> Receipt:
        headers = _headers(body, event_id, channel.settings.get("secret"))
        try:
            async with asyncio.timeout(self._timeout_s):
                status, retry_after, text = await self._post(channel.settings["url"], body, headers)
        except (TimeoutError, httpx.TimeoutException):
            raise DeliveryDelayed("The webhook did not answer in time.") from None
        except (httpx.InvalidURL, httpx.UnsupportedProtocol):
            raise DeliveryRefused("The webhook's address cannot be used; it begins with http:// or https://.") from None
        except (httpx.HTTPError, OSError) as error:
            # Only the kind of error: its text may hold the address.
            raise DeliveryDelayed(f"The webhook cannot be reached: {type(error).__name__}.") from None
        said = masked(text, (channel.settings["url"], channel.settings.get("secret")))
        return _judged(status, retry_after, said)

    async def _post(self, url: str, body: bytes, headers: dict[str, str]) -> tuple[int, str | None, str]:
        async with self._client.stream("POST", url, content=body, headers=headers) as response:
            read = bytearray()
            async for piece in response.aiter_bytes():
                read += piece
                if len(read) > _READ_BYTES:
                    break
            return response.status_code, response.headers.get("Retry-After"), read.decode(errors="replace")


def document(notification: Notification, *, picture: bool) -> bytes:
    """The JSON that is posted; its fields are described in the documentation of webhooks."""
    values: dict[str, Any] = {
        "version": VERSION,
        "event_id": notification.event_id,
        "type": "test" if notification.sighting is None else "sighting",
        "text": notification.text,
        "sighting": None if notification.sighting is None else sighting_document(notification.sighting),
        "picture": _base64(notification.picture if picture else None),
        "sightings": [],
    }
    return json.dumps(values, ensure_ascii=False).encode()


def digest_document(digest: Digest, *, picture: bool) -> bytes:
    """The JSON that is posted where a burst is told in one message."""
    values: dict[str, Any] = {
        "version": VERSION,
        "event_id": digest.event_id,
        "type": "digest",
        "text": digest.text,
        "sighting": None,
        "picture": None,
        "sightings": [
            {
                "event_id": entry.event_id,
                "sighting": sighting_document(entry.sighting),
                "picture": _base64(entry.picture if picture else None),
            }
            for entry in digest.entries
        ],
    }
    return json.dumps(values, ensure_ascii=False).encode()


def sighting_document(sighting: Sighting) -> dict[str, Any]:
    """A sighting in the words of `GET /sightings`; times in ISO 8601 with zone."""
    return {
        "sighting_id": sighting.sighting_id,
        "camera_id": sighting.camera_id,
        "camera_nickname": sighting.camera_nickname,
        "person_id": sighting.person_id,
        "similarity": sighting.similarity,
        "threshold": sighting.threshold,
        "started_at": sighting.started_at.isoformat(),
        "last_seen_at": sighting.last_seen_at.isoformat(),
    }


def _base64(picture: bytes | None) -> str | None:
    return None if picture is None else base64.b64encode(picture).decode()


def _wants_picture(channel: Channel) -> bool:
    return channel.settings.get("picture") != "false"


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """What a receiver must find in `X-Face-Server-Signature`."""
    return "sha256=" + hmac.new(secret.encode(), f"{timestamp}.".encode() + body, hashlib.sha256).hexdigest()


def _headers(body: bytes, event_id: str, secret: str | None) -> dict[str, str]:
    timestamp = str(int(time.time()))
    headers = {
        "Content-Type": "application/json",
        # Its few words are read as they are: one that packs them wrongly has taken the message all the same.
        "Accept-Encoding": "identity",
        "User-Agent": "face-server",
        "X-Face-Server-Event": event_id,
        "X-Face-Server-Timestamp": timestamp,
    }
    if secret:
        headers["X-Face-Server-Signature"] = signature(secret, timestamp, body)
    return headers


def _judged(status: int, retry_after: str | None, text: str) -> Receipt:
    if 200 <= status < 300:
        return Receipt(f"The webhook answered {status}.")
    raise _problem(status, retry_after, text)


def _problem(status: int, retry_after: str | None, text: str) -> DeliveryError:
    if 300 <= status < 400:
        return DeliveryRefused(f"The webhook answers {status}, a redirect; redirects are not followed.")
    if status in _LATER or status >= 500:
        return DeliveryDelayed(f"The webhook answered {status}.", _seconds(retry_after))
    said = f": {text[:_QUOTED]}" if text.strip() else "."
    return DeliveryRefused(f"The webhook refuses with {status}{said}")


def _seconds(retry_after: str | None) -> float | None:
    """How long `Retry-After` asks to wait, in seconds or until a date (RFC 9110, 10.2.3); None where it is neither."""
    if retry_after is None or retry_after.isdecimal():
        return None if retry_after is None else float(retry_after)
    try:
        moment = parsedate_to_datetime(retry_after)
    except ValueError:
        return None
    # A date without a zone, as some write it, is in Greenwich time as all others.
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())
