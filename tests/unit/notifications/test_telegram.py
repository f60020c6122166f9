"""What is Telegram's own: its chats, its odd answers, and the way to its server."""

import json
import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest

from backend.domain.errors import ConfigurationError, DeliveryDelayed, DeliveryRefused, InvalidField
from backend.domain.notification import Channel, ChannelKind, Notification
from backend.notifications.telegram.bot import TelegramNotifier, recent_chats
from backend.notifications.telegram.hearing import Chat
from tests.rig.bot_api import TOKEN, BotApi, Refused, ServerError, TooManyRequests
from tests.rig.bot_http import BotHttpServer, Reply, Request
from tests.rig.photos import jpeg, person_crop

MESSAGE = Notification("alice at Front door", jpeg(person_crop(2)))
NOBODY = "http://127.0.0.1:9"


def a_chat(chat_id: int | str = -100_123, token: str = TOKEN) -> Channel:
    return Channel("phone", ChannelKind.TELEGRAM, {"api_token": token, "chat_id": str(chat_id)})


@pytest.fixture
def api() -> Iterator[BotApi]:
    with BotApi() as api:
        yield api


@contextmanager
def answering(answer: Callable[[Request], Reply]) -> Iterator[str]:
    """A web server that answers so; gives its address."""
    server = BotHttpServer(answer)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.close_connections()
        server.server_close()
        thread.join()


def delay_of_sending_to(reply: Reply) -> DeliveryDelayed:
    """Send a message to a server that answers like this."""
    with (
        answering(lambda _: reply) as url,
        closing(TelegramNotifier(url)) as notifier,
        pytest.raises(DeliveryDelayed) as caught,
    ):
        notifier.send(a_chat(), MESSAGE)
    return caught.value


def in_json(status: int, **answer: Any) -> Reply:
    return Reply(status, json.dumps(answer).encode())


def test_chats_are_listed_once_each_the_latest_first(api: BotApi) -> None:
    api.push_message(-100_5, "hello", chat_title="Old name")
    api.push_message(77, "hello", chat_title="bob")
    api.push_message(-100_5, "again", chat_title="Family")
    assert recent_chats(api.url, TOKEN) == [Chat("-1005", "supergroup", "Family"), Chat("77", "private", "bob")]


def test_listing_chats_takes_no_message_away(api: BotApi) -> None:
    api.push_message(77, "hello")
    assert recent_chats(api.url, TOKEN) == recent_chats(api.url, TOKEN) != []


def test_a_bot_that_heard_nothing_has_no_chats(api: BotApi) -> None:
    assert recent_chats(api.url, TOKEN) == []


def test_chats_come_from_updates_of_every_kind() -> None:
    bot = {"id": 1, "is_bot": True, "first_name": "bot"}
    alice = {"id": 2, "is_bot": False, "first_name": "alice"}
    in_garden = {"message_id": 1, "date": 1, "chat": {"id": -3, "type": "channel", "title": "Garden"}}
    in_house = {"message_id": 1, "date": 1, "chat": {"id": -4, "type": "group", "title": "House"}}
    with_bob = {"message_id": 1, "date": 1, "chat": {"id": 5, "type": "private", "first_name": "b", "last_name": "ob"}}
    member = {"user": bot, "status": "member"}
    joined = {"chat": {"id": -6, "type": "group", "title": "Barn"}, "from": alice, "date": 1}
    updates = [
        {"update_id": 1, "channel_post": in_garden},
        {"update_id": 2, "edited_message": in_house},
        {"update_id": 3, "callback_query": {"id": "1", "from": alice, "chat_instance": "1", "message": with_bob}},
        {"update_id": 4, "my_chat_member": joined | {"old_chat_member": member, "new_chat_member": member}},
        {"update_id": 5, "poll_answer": {"poll_id": "1", "option_ids": [], "option_persistent_ids": [], "user": alice}},
    ]
    with answering(lambda _: in_json(200, ok=True, result=updates)) as url:
        chats = recent_chats(url, TOKEN)
    assert [(chat.chat_id, chat.kind, chat.title) for chat in chats] == [
        ("-6", "group", "Barn"),
        ("5", "private", "b ob"),
        ("-4", "group", "House"),
        ("-3", "channel", "Garden"),
    ]


@pytest.mark.parametrize("token", ["1:wrong", "../../x?", "", "with\nline"])
def test_a_wrong_token_is_a_wrong_field(api: BotApi, token: str) -> None:
    with pytest.raises(InvalidField) as caught:
        recent_chats(api.url, token)
    assert caught.value.details["field"] == "telegram_api_token"
    assert not token or token not in str(caught.value)


def test_a_bot_whose_messages_somebody_else_takes_says_so(api: BotApi) -> None:
    api.script([Refused(409, "Conflict: can't use getUpdates method while webhook is active")], "getUpdates")
    with pytest.raises(DeliveryDelayed, match="Another program, or a webhook"):
        recent_chats(api.url, TOKEN)


def test_chats_cannot_be_listed_while_telegram_is_away(api: BotApi) -> None:
    api.script([ServerError(), TooManyRequests(3)], "getUpdates")
    for url in (NOBODY, api.url, api.url):
        with pytest.raises(DeliveryDelayed):
            recent_chats(url, TOKEN)


def test_a_group_that_became_a_supergroup_is_found_at_its_new_id() -> None:
    asked: list[str] = []

    def answer(request: Request) -> Reply:
        asked.append(request.params["chat_id"])
        if request.params["chat_id"] == "-5":
            return in_json(400, ok=False, description="upgraded", parameters={"migrate_to_chat_id": -1005})
        return in_json(200, ok=True, result={"message_id": 1, "date": 1, "chat": {"id": -1005, "type": "supergroup"}})

    with answering(answer) as url, closing(TelegramNotifier(url)) as notifier:
        receipt = notifier.send(a_chat(-5), MESSAGE)
    assert asked == ["-5", "-1005"]
    assert receipt.moved_to == "-1005"


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (400, "Bad Request: PHOTO_INVALID_DIMENSIONS"),
        (400, "Bad Request: not enough rights to send photos to the chat"),
        (413, "Request Entity Too Large"),
    ],
)
def test_a_picture_that_is_not_taken_keeps_no_news_back(api: BotApi, status: int, words: str) -> None:
    api.script([Refused(status, words)], "sendPhoto")
    with closing(TelegramNotifier(api.url)) as notifier:
        notifier.send(a_chat(), MESSAGE)
    (call,) = api.calls("sendMessage", delivered=True)
    assert call.params["text"] == "alice at Front door\n(Telegram does not take its picture.)"


@pytest.mark.parametrize("status", [200, 401, 403, 404, 502])
def test_a_page_of_somebody_on_the_way_is_no_answer_of_telegram(status: int, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    page = Reply(status, f"<html>{status}: /bot{TOKEN}/sendPhoto</html>".encode())
    caught = delay_of_sending_to(page)
    assert TOKEN not in caught.message
    assert TOKEN not in caplog.text


@pytest.mark.parametrize("body", [b"{}", b'{"ok": true}', b'{"ok": true, "result": {}}'])
def test_json_that_makes_no_sense_delays_the_message(body: bytes) -> None:
    assert "makes no sense" in delay_of_sending_to(Reply(200, body)).message


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b"\xff\xfe", b"OK"])
def test_an_answer_that_is_no_json_object_is_not_telegrams(body: bytes) -> None:
    assert "did not answer as Telegram does" in delay_of_sending_to(Reply(200, body)).message


@pytest.mark.parametrize("parameters", [None, [], {}, {"retry_after": "soon"}, {"retry_after": -1}])
def test_a_request_to_wait_without_a_usable_time_is_still_a_delay(parameters: Any) -> None:
    reply = in_json(429, ok=False, description="Too Many Requests", parameters=parameters)
    assert delay_of_sending_to(reply).retry_after is None


def test_a_token_that_would_change_the_address_is_never_sent(api: BotApi) -> None:
    with closing(TelegramNotifier(api.url)) as notifier, pytest.raises(DeliveryRefused):
        notifier.send(a_chat(token="1:a/../2:b"), MESSAGE)
    assert api.calls() == []


def test_a_slash_at_the_end_of_the_servers_address_does_no_harm(api: BotApi) -> None:
    with closing(TelegramNotifier(f"{api.url}/")) as notifier:
        notifier.send(a_chat(), MESSAGE)
    assert len(api.calls("sendPhoto", delivered=True)) == 1


def test_a_server_on_this_machine_is_reached_without_the_proxy(api: BotApi, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, NOBODY)
    with closing(TelegramNotifier(api.url)) as notifier:
        notifier.send(a_chat(), MESSAGE)
    assert recent_chats(api.url, TOKEN) == []


def test_a_proxy_that_cannot_be_used_is_named_before_the_first_message(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "socks4://user:password@127.0.0.1:9")
    with pytest.raises(ConfigurationError, match="ALL_PROXY") as caught:
        TelegramNotifier("https://bot-api.invalid")
    assert "password" not in str(caught.value)


def test_a_connection_serves_many_messages(api: BotApi) -> None:
    with closing(TelegramNotifier(api.url)) as notifier:
        for _ in range(3):
            notifier.send(a_chat(), MESSAGE)
    assert len(api.calls("sendPhoto", delivered=True)) == 3
