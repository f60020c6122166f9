"""The chats behind the Bot API server: what its methods do, and what Telegram would refuse."""

import html
import io
import itertools
import json
import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from PIL import Image, UnidentifiedImageError

from tests.rig.bot_http import Request

Json = dict[str, Any]

_BOT: Json = {"id": 123456789, "is_bot": True, "first_name": "Face Server", "username": "face_server_test_bot"}
_PICTURE_LIMIT = 10 * 1024 * 1024
_CAPTION_LIMIT, _TEXT_LIMIT, _BUTTON_DATA_LIMIT = 1024, 4096, 64
_KNOWN_TAGS = "a|b|strong|i|em|u|ins|s|strike|del|code|pre|blockquote|span|tg-spoiler|tg-emoji"
_UNKNOWN_TAG = re.compile(rf"<(?!/?(?:{_KNOWN_TAGS})\b)")


class BadRequestError(Exception):
    """What Telegram refuses, in its words."""

    def __init__(self, description: str, status: int = 400) -> None:
        super().__init__(description if status != 400 else f"Bad Request: {description}")
        self.status = status


@dataclass(slots=True)
class Chats:
    """What was sent to the chats and what their people did; used under the server's lock."""

    messages: dict[int, Json] = field(default_factory=dict)
    titles: dict[int, str] = field(default_factory=dict)
    pictures: dict[str, bytes] = field(default_factory=dict)
    questions: set[str] = field(default_factory=set)
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def obey(self, request: Request) -> Any:
        """Carry out a call and return its result; BadRequestError as Telegram would refuse it."""
        return _METHODS[request.method](self, request)

    @staticmethod
    def know(method: str) -> bool:
        """Tell whether there is such a method."""
        return method in _METHODS

    def next_number(self) -> int:
        return next(self.numbers)

    def ask(self) -> str:
        query_id = str(7_000_000_000 + self.next_number())
        self.questions.add(query_id)
        return query_id

    def message_in(self, chat_id: int, message_id: int) -> Json:
        message = self.messages.get(message_id)
        if message is None or message["chat"]["id"] != chat_id:
            raise BadRequestError("message to edit not found")
        return message

    def write(self, chat_id: int, content: Json) -> Json:
        message_id = self.next_number()
        known = {"message_id": message_id, "date": int(time.time()), "chat": self._chat(chat_id)}
        self.messages[message_id] = known | content
        return self.messages[message_id]

    def _chat(self, chat_id: int) -> Json:
        title = self.titles.get(chat_id, f"chat {chat_id}")
        if chat_id < 0:
            return {"id": chat_id, "type": "supergroup", "title": title}
        return {"id": chat_id, "type": "private", "first_name": title}

    def get_me(self, _request: Request) -> Json:
        return {**_BOT, "can_join_groups": True, "can_read_all_group_messages": False, "supports_inline_queries": False}

    def agree(self, _request: Request) -> bool:
        return True

    def send_photo(self, request: Request) -> Json:
        content = {"photo": self._picture(request, request.params.get("photo", "")), **_caption(request.params)}
        return self._send(request, content)

    def send_message(self, request: Request) -> Json:
        return self._send(request, {"text": _text(request.params, "text", _TEXT_LIMIT)})

    def send_media_group(self, request: Request) -> list[Json]:
        album = {"media_group_id": str(self.next_number())}
        media = json.loads(request.params["media"])
        if not 2 <= len(media) <= 10:
            raise BadRequestError("group must contain from 2 to 10 media")
        contents = [{"photo": self._picture(request, item["media"]), **_caption(item), **album} for item in media]
        return [self._send(request, content) for content in contents]

    def _send(self, request: Request, content: Json) -> Json:
        content = {"from": _BOT, **content, **_markup(request.params)}
        if "reply_parameters" in request.params:
            answered = json.loads(request.params["reply_parameters"])["message_id"]
            if answered not in self.messages:
                raise BadRequestError("message to be replied not found")
            content["reply_to_message"] = self.messages[answered]
        return self.write(_chat_id(request.params), content)

    def edit_media(self, request: Request) -> Json:
        item = json.loads(request.params["media"])
        return self._edit(request, {"photo": self._picture(request, item["media"])}, caption=_caption(item))

    def edit_caption(self, request: Request) -> Json:
        return self._edit(request, {}, caption=_caption(request.params))

    def edit_text(self, request: Request) -> Json:
        return self._edit(request, {"text": _text(request.params, "text", _TEXT_LIMIT)})

    def edit_markup(self, request: Request) -> Json:
        return self._edit(request, {})

    def _edit(self, request: Request, content: Json, caption: Json | None = None) -> Json:
        """Replace parts of a message; as with Telegram, buttons that are not sent again are gone."""
        before = self.message_in(_chat_id(request.params), int(request.params["message_id"]))
        dropped = {"reply_markup", "edit_date"} | ({"caption"} if caption is not None else set())
        kept = {name: value for name, value in before.items() if name not in dropped}
        after = kept | content | (caption or {}) | _markup(request.params)
        if after == {name: value for name, value in before.items() if name != "edit_date"}:
            raise BadRequestError("message is not modified: specified new message content is exactly the same")
        self.messages[before["message_id"]] = after | {"edit_date": int(time.time())}
        return self.messages[before["message_id"]]

    def answer_callback(self, request: Request) -> bool:
        if request.params["callback_query_id"] not in self.questions:
            raise BadRequestError("query is too old and response timeout expired or query ID is invalid")
        return True

    def _picture(self, request: Request, named: str) -> list[Json]:
        """Return the sizes of a picture that was uploaded, or uploaded before and is named by its file id."""
        uploaded = request.files.get(named.removeprefix("attach://") or "photo")
        data = self.pictures.get(named) if uploaded is None else uploaded
        if data is None:
            raise BadRequestError("wrong file identifier/HTTP URL specified")
        if len(data) > _PICTURE_LIMIT:
            raise BadRequestError("Request Entity Too Large", status=413)
        width, height = _size(data)
        file_id = f"picture-{self.next_number()}"
        self.pictures[file_id] = data
        size = {"file_id": file_id, "file_unique_id": f"unique-{file_id}", "width": width, "height": height}
        return [size | {"file_size": len(data)}]


_METHODS: Mapping[str, Callable[[Chats, Request], Any]] = {
    "getMe": Chats.get_me,
    "setMyCommands": Chats.agree,
    "deleteWebhook": Chats.agree,
    "sendPhoto": Chats.send_photo,
    "sendMessage": Chats.send_message,
    "sendMediaGroup": Chats.send_media_group,
    "editMessageMedia": Chats.edit_media,
    "editMessageCaption": Chats.edit_caption,
    "editMessageText": Chats.edit_text,
    "editMessageReplyMarkup": Chats.edit_markup,
    "answerCallbackQuery": Chats.answer_callback,
}


def _size(data: bytes) -> tuple[int, int]:
    try:
        with Image.open(io.BytesIO(data)) as picture:
            picture.load()
            return picture.size
    except (UnidentifiedImageError, OSError) as error:
        raise BadRequestError("IMAGE_PROCESS_FAILED") from error


def _chat_id(params: Mapping[str, str]) -> int:
    try:
        return int(params["chat_id"])
    except (KeyError, ValueError) as error:
        raise BadRequestError("chat not found") from error


def _caption(params: Mapping[str, Any]) -> Json:
    return {"caption": _text(params, "caption", _CAPTION_LIMIT)} if params.get("caption") else {}


def _text(params: Mapping[str, Any], name: str, limit: int) -> str:
    """Return a text as it is shown: its HTML read, its length checked."""
    text = str(params.get(name, ""))
    if params.get("parse_mode") == "HTML":
        if _UNKNOWN_TAG.search(text):
            raise BadRequestError("can't parse entities: unsupported start tag")
        text = html.unescape(re.sub(r"<[^>]*>", "", text))
    if not text:
        raise BadRequestError("message text is empty")
    if len(text) > limit:
        raise BadRequestError(f"message {name} is too long")
    return text


def _markup(params: Mapping[str, str]) -> Json:
    if "reply_markup" not in params:
        return {}
    markup = json.loads(params["reply_markup"])
    for button in itertools.chain.from_iterable(markup.get("inline_keyboard", [])):
        if len(button.get("callback_data", "").encode()) > _BUTTON_DATA_LIMIT:
            raise BadRequestError("BUTTON_DATA_INVALID")
    return {"reply_markup": markup} if "inline_keyboard" in markup else {}
