"""The way to Telegram: strict about what is an answer of its, and what goes wrong in words of ours."""

import asyncio
import json
import logging
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from telegram import Bot
from telegram.error import BadRequest, ChatMigrated, Conflict, Forbidden, InvalidToken, TelegramError, TimedOut
from telegram.request import HTTPXRequest

from backend.domain.errors import DeliveryDelayed, DeliveryError, DeliveryRefused
from backend.notifications.telegram.way import is_on_this_machine

_CONNECTIONS = 64
_TOKEN_FORM = re.compile(r"[A-Za-z0-9:_-]+")
"""What a token may consist of; anything else would change the address that it becomes a part of."""
_YEAR_S = 366 * 86_400

_UNKNOWN_TOKEN = "Telegram does not know this bot token."  # noqa: S105 - a sentence about a token


class _Flooded(TelegramError):
    """Telegram asks to wait: `RetryAfter`, which the library cannot raise without a warning of its own."""

    def __init__(self, retry_after: float | None) -> None:
        super().__init__("Telegram asks to wait" + ("." if retry_after is None else f" {retry_after} s."))
        self.retry_after = retry_after


class NotTheBotApi(TelegramError):
    """What answered speaks no Bot API, such as a proxy, a login page of a network, or a web server in distress."""


class Connection(HTTPXRequest):
    """The library's HTTP client, stricter about what is an answer of Telegram.

    A page saying 403 or 404 comes from somebody on the way, and must not pass for Telegram's refusal; the library would
    also log it, and such pages often repeat the address with the token.
    """

    async def do_request(self, *arguments: Any, **options: Any) -> tuple[int, bytes]:
        status, body = await super().do_request(*arguments, **options)
        answer = _json_object(body)
        if answer is None:
            raise NotTheBotApi(f"The Bot API server did not answer as Telegram does (status {status}).")
        if status == 429:
            raise _Flooded(_retry_after(answer))
        return status, body


def connection_to(api_url: str, timeout_s: float) -> Connection:
    """Connections to a Bot API server."""
    # These libraries log addresses, and so tokens, and people's messages; what goes wrong they raise as well.
    for name in ("httpx", "httpcore", "telegram"):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    # A server on this machine is never reached through a proxy, whatever the environment says of others.
    environment = {"trust_env": not is_on_this_machine(api_url)}
    return Connection(
        connection_pool_size=_CONNECTIONS,
        connect_timeout=timeout_s,
        read_timeout=timeout_s,
        write_timeout=timeout_s,
        media_write_timeout=timeout_s,
        pool_timeout=timeout_s,
        httpx_kwargs=environment,
    )


@asynccontextmanager
async def speaking(token: str, api_url: str, connection: Connection, within_s: float) -> AsyncIterator[Bot]:
    """The bot of a token, to be spoken through within so many seconds; what goes wrong is a DeliveryError."""
    with _translated_errors(token):
        if not _TOKEN_FORM.fullmatch(token):
            raise DeliveryRefused(_UNKNOWN_TOKEN)
        async with asyncio.timeout(within_s):
            yield Bot(token, f"{api_url.rstrip('/')}/bot", request=connection, get_updates_request=connection)


def _json_object(body: bytes) -> dict[str, Any] | None:
    try:
        answer = json.loads(body)
    except ValueError:
        return None
    return answer if isinstance(answer, dict) else None


def _retry_after(answer: dict[str, Any]) -> float | None:
    parameters = answer.get("parameters")
    seconds = parameters.get("retry_after") if isinstance(parameters, dict) else None
    # Whatever it is, it is not believed beyond a year: nobody waits so long, and arithmetic ends somewhere.
    return float(min(seconds, _YEAR_S)) if isinstance(seconds, int) and seconds >= 0 else None


@contextmanager
def _translated_errors(token: str) -> Iterator[None]:
    try:
        yield
    except TelegramError as error:
        raise _domain_error(error, token) from None
    except TimeoutError:
        raise DeliveryDelayed("Telegram did not answer in time.") from None
    except (LookupError, TypeError, ValueError):
        # The library builds its objects from the answer without looking first.
        raise DeliveryDelayed("The Bot API server's answer makes no sense.") from None


def _domain_error(error: TelegramError, token: str) -> DeliveryError:
    match error:
        case _Flooded():
            return DeliveryDelayed(error.message, error.retry_after)
        case NotTheBotApi():
            return DeliveryDelayed(error.message)
        case InvalidToken():
            return DeliveryRefused(_UNKNOWN_TOKEN)
        case Forbidden() | BadRequest() | ChatMigrated():
            return DeliveryRefused(f"Telegram refuses: {_masked(error.message, token)}.")
        case Conflict():
            return DeliveryDelayed("Another program, or a webhook, is taking this bot's messages from Telegram.")
        case TimedOut():
            return DeliveryDelayed("Telegram did not answer in time.")
        case _:
            reason = _masked(_reason(error), token)
            return DeliveryDelayed(
                f"Telegram cannot be reached ({reason}); is the network up, and TELEGRAM_API_URL right?"
            )


def _reason(error: TelegramError) -> str:
    """What went wrong, in the HTTP client's words where it was the one to notice."""
    cause = error.__cause__
    return error.message if cause is None else str(cause) or type(cause).__name__


def _masked(text: str, token: str) -> str:
    return text.replace(token, "***")
