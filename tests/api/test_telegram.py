"""`POST /telegram/chats`: the chats a bot has heard from, and what goes wrong, without the token."""

import logging
from typing import Any

import httpx
import pytest

from tests.rig.bot_api import TOKEN, BotApi, Garbage, ServerError

WRONG = "987654321:AA-of-another-bot"


def _chats(api: httpx.Client, token: Any) -> httpx.Response:
    return api.post("/telegram/chats", json={"telegram_api_token": token})


def test_the_chats_are_listed_each_once(api: httpx.Client, bot_api: BotApi) -> None:
    bot_api.push_message(4711, "hello")
    bot_api.push_message(4711, "hello again")
    bot_api.push_message(-100200, "hello all", chat_title="Family")
    chats = _chats(api, f" {TOKEN}\n").raise_for_status().json()["chats"]
    assert sorted(chat["chat_id"] for chat in chats) == ["-100200", "4711"]
    assert "Family" in [chat["title"] for chat in chats]
    assert all(chat.keys() == {"chat_id", "kind", "title"} for chat in chats)


@pytest.mark.parametrize(
    "token", [WRONG, "no token", "a/../b", "a?b#c", "a\nb", "ü🙂", "\x00", "x" * 257, "", None, 5, ["x"]]
)
def test_a_wrong_token_is_the_callers_mistake_and_is_not_repeated(
    api: httpx.Client, token: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    reply = _chats(api, token)
    error = reply.json()["error"]
    assert (reply.status_code, error["code"], error["details"]["field"]) == (
        422,
        "invalid_field",
        "telegram_api_token",
    )
    assert "s3cret" not in reply.text + caplog.text
    assert "xxxx" not in reply.text + caplog.text


@pytest.mark.parametrize("answer", [ServerError(), Garbage()])
def test_a_telegram_that_fails_is_503(
    api: httpx.Client, bot_api: BotApi, answer: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    bot_api.script([answer], "getUpdates")
    reply = _chats(api, TOKEN)
    assert (reply.status_code, reply.json()["error"]["code"]) == (503, "delivery_delayed")
    assert TOKEN.partition(":")[2] not in reply.text + caplog.text


def test_an_unknown_field_is_refused(api: httpx.Client) -> None:
    reply = api.post("/telegram/chats", json={"telegram_api_token": TOKEN, "telegram_api_url": "http://127.0.0.1:9"})
    assert (reply.status_code, reply.json()["error"]["details"]["field"]) == (422, "telegram_api_url")
