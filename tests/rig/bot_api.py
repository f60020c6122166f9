"""A local Bot API server: Telegram's protocol over real HTTP, with its refusals and with faults on command.

Every request is recorded. Messages can be written and buttons pressed as if by a person with a phone.
"""

import json
import re
import threading
import time
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Any, Self

from tests.rig.bot_answers import Answer, Call, Cut, Garbage, Ok, Refused, ServerError, Slow, TooManyRequests
from tests.rig.bot_chats import BadRequestError, Chats, Json
from tests.rig.bot_http import BotHttpServer, Reply, Request

__all__ = [
    "TOKEN",
    "USER_ID",
    "Answer",
    "BotApi",
    "Call",
    "Cut",
    "Garbage",
    "Ok",
    "Refused",
    "ServerError",
    "Slow",
    "TooManyRequests",
]

TOKEN = "123456789:AAtest-token-of-the-local-bot-api-server"
USER_ID = 700_001
"""The person who writes messages and presses buttons, unless a test says otherwise."""

_CLOSING_S = 5.0


class BotApi:
    """A Bot API server on a free loopback port, alive inside its `with` block.

    `url` is what `TELEGRAM_API_URL` takes; the library's `base_url` is `url + "/bot"`. Any chat id exists.
    """

    def __init__(self, token: str = TOKEN) -> None:
        self.token = token
        self._server = BotHttpServer(self._answer)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), name="bot-api")
        self._changed = threading.Condition()
        self._closing = threading.Event()
        self._calls: list[Call] = []
        self._scripts: dict[str | None, Iterator[Answer]] = {}
        self._updates: list[Json] = []
        self._polls = 0
        self._chats = Chats()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.set()
        with self._changed:
            self._changed.notify_all()
        self._server.shutdown()
        self._server.close_connections()
        self._server.server_close()
        self._thread.join(_CLOSING_S)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def script(self, answers: Iterable[Answer], method: str | None = None) -> None:
        """Give these answers to the next calls, in order, then `Ok` again; replaces what was scripted before.

        They are for one method, or, if none is named, for all that send or edit messages. The answers may be endless
        (`itertools.repeat(ServerError())`) and are asked for one at a time.
        """
        with self._changed:
            self._scripts[method] = iter(answers)

    def forget(self) -> None:
        """Forget the calls so far and what was scripted: for the next test of a server that knows this address."""
        with self._changed:
            self._calls.clear()
            self._scripts.clear()

    def calls(self, method: str | None = None, *, delivered: bool = False) -> list[Call]:
        """Return the calls so far, oldest first: all, or of one method, or only those that took effect."""
        with self._changed:
            return [c for c in self._calls if method in (None, c.method) and (c.delivered or not delivered)]

    def wait_for(self, method: str, count: int = 1, timeout: float = 60.0, *, delivered: bool = False) -> list[Call]:
        """Wait until a method was called at least `count` times and return its calls.

        Raises TimeoutError after `timeout` seconds, saying what was called instead.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: len(self.calls(method, delivered=delivered)) >= count, timeout):
                came = [call.method for call in self._calls]
                raise TimeoutError(f"{count} calls of {method} did not come in {timeout} s; what came: {came}")
            return self.calls(method, delivered=delivered)

    def message(self, message_id: int) -> Json:
        """Return a message as the chat shows it now; KeyError if there is none."""
        with self._changed:
            return dict(self._chats.messages[message_id])

    def push_message(
        self,
        chat_id: int,
        text: str,
        *,
        chat_title: str | None = None,
        reply_to: int | None = None,
        topic: int | None = None,
        user_id: int = USER_ID,
    ) -> int:
        """Let a person write into a chat (a negative id is a group), maybe in reply; return the message's id.

        In a `topic` of a group, which is called by the message that opened it, what is no reply seems one to that.
        """
        with self._changed:
            if chat_title is not None:
                self._chats.titles[chat_id] = chat_title
            message = self._chats.write(chat_id, {"text": text, "from": _person(user_id), **_command(text)})
            if topic is not None:
                opened = {"message_id": topic, "date": message["date"], "chat": message["chat"]}
                opened |= {"forum_topic_created": {"name": "Doors", "icon_color": 0}}
                message |= {"message_thread_id": topic, "is_topic_message": True, "reply_to_message": opened}
            if reply_to is not None:
                message["reply_to_message"] = self._chats.messages[reply_to]
            self._push_update({"message": message})
            return int(message["message_id"])

    def push_migration(self, chat_id: int, new_chat_id: int) -> None:
        """Let a group become a supergroup, of which its members see a line in the group as it was."""
        with self._changed:
            known = {"message_id": self._chats.next_number(), "date": int(time.time()), "from": _person(USER_ID)}
            group = {"id": chat_id, "type": "group", "title": f"chat {chat_id}"}
            self._push_update({"message": known | {"chat": group, "migrate_to_chat_id": new_chat_id}})

    def push_callback(self, chat_id: int, message_id: int, data: str, *, user_id: int = USER_ID) -> str:
        """Let a person press a button below a message; return the id that `answerCallbackQuery` must name."""
        with self._changed:
            query_id = self._chats.ask()
            message = self._chats.message_in(chat_id, message_id)
            query = {"id": query_id, "from": _person(user_id), "chat_instance": str(chat_id), "data": data}
            self._push_update({"callback_query": query | {"message": message}})
            return query_id

    def _push_update(self, update: Json) -> None:
        self._updates.append({"update_id": self._chats.next_number(), **json.loads(json.dumps(update))})
        self._changed.notify_all()

    def _answer(self, request: Request) -> Reply:
        if request.token != self.token:
            return _error(401, "Unauthorized")
        if request.method == "getUpdates":
            return self._answer_poll(request)
        if not Chats.know(request.method):
            return _error(404, "Not Found")
        with self._changed:
            answer = self._next_answer(request.method)
            reply = self._perform(request, answer)
        if isinstance(answer, Slow):
            self._closing.wait(answer.seconds)
        return reply

    def _next_answer(self, method: str) -> Answer:
        sends = method.startswith(("send", "edit"))
        script = self._scripts.get(method) or (self._scripts.get(None) if sends else None)
        return next(script, Ok()) if script else Ok()

    def _perform(self, request: Request, answer: Answer) -> Reply:
        """Do what a call asks for, if its answer says so, and record it."""
        delivered, message_id = False, None
        reply = _scripted(answer)
        if reply is None or getattr(answer, "delivered", False):
            try:
                result = self._chats.obey(request)
                delivered, message_id = True, _message_id(result)
                reply = _success(result, answer)
            except BadRequestError as error:
                reply = _error(error.status, str(error))
        assert reply is not None
        self._record(request, answer, delivered, message_id)
        return reply

    def _record(self, request: Request, answer: Answer, delivered: bool, message_id: int | None) -> None:
        now = time.monotonic()
        self._calls.append(Call(request.method, request.params, request.files, now, answer, delivered, message_id))
        self._changed.notify_all()

    def _answer_poll(self, request: Request) -> Reply:
        """Answer a long poll: with updates as soon as there are any; an older poll gives way to a newer one."""
        with self._changed:
            answer = self._next_answer(request.method)
            self._polls += 1
            poll = self._polls
            scripted = _scripted(answer)
            self._record(request, answer, scripted is None, None)
            self._changed.wait_for(
                lambda: self._closing.is_set() or scripted or poll < self._polls or self._unconfirmed(request),
                float(request.params.get("timeout", 0)),
            )
            if poll < self._polls:
                return _error(409, "Conflict: terminated by other getUpdates request")
            limit = int(request.params.get("limit", 100))
            return scripted or _success(self._unconfirmed(request)[:limit], answer)

    def _unconfirmed(self, request: Request) -> list[Json]:
        """Forget the updates that a poll's offset confirms, and return the others."""
        offset = int(request.params.get("offset", 0))
        kept = self._updates[offset:] if offset < 0 else [u for u in self._updates if u["update_id"] >= offset]
        self._updates = kept
        return kept


def _command(text: str) -> Json:
    """Return the entity by which Telegram marks a command at the start of a message."""
    command = re.match(r"/\w+(@\w+)?", text)
    return {"entities": [{"type": "bot_command", "offset": 0, "length": command.end()}]} if command else {}


def _person(user_id: int) -> Json:
    return {"id": user_id, "is_bot": False, "first_name": f"user {user_id}"}


def _message_id(result: Any) -> int | None:
    first = result[0] if isinstance(result, list) and result else result
    return first.get("message_id") if isinstance(first, dict) else None


def _scripted(answer: Answer) -> Reply | None:
    """Return the reply of an answer that stands whatever was asked; none if what was asked is to be done."""
    match answer:
        case TooManyRequests(retry_after):
            return _error(429, f"Too Many Requests: retry after {retry_after}", {"retry_after": retry_after})
        case ServerError(status):
            return _error(status, "Internal Server Error")
        case Refused(status, description):
            return _error(status, description)
        case Cut():
            return Reply(200, b'{"ok": true, "result": {}}', cut=True)
        case Garbage():
            return Reply(200, b"<html>\x00 this is not the answer</html>")
        case _:
            return None


def _success(result: Any, answer: Answer) -> Reply:
    if isinstance(answer, Garbage):
        return _scripted(answer) or Reply(200, b"")
    return Reply(200, json.dumps({"ok": True, "result": result}).encode(), cut=isinstance(answer, Cut))


def _error(status: int, description: str, parameters: Json | None = None) -> Reply:
    told = {"ok": False, "error_code": status, "description": description}
    return Reply(status, json.dumps(told | ({"parameters": parameters} if parameters else {})).encode())
