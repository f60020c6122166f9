"""The Bot API server of the tests answers the real client library as Telegram does."""

import asyncio
import contextlib
import itertools
import threading
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, TypeVar

import httpx
import pytest
import telegram
from telegram import InlineKeyboardButton, InlineKeyboardMarkup, InputMediaPhoto
from telegram.error import BadRequest, Conflict, Forbidden, InvalidToken, NetworkError, RetryAfter, TimedOut
from telegram.request import HTTPXRequest

from tests.rig.bot_api import (
    BotApi,
    Cut,
    Garbage,
    Ok,
    Refused,
    ServerError,
    Slow,
    TooManyRequests,
)
from tests.rig.photos import jpeg, person_crop

T = TypeVar("T")
CHAT = -100_123
PATIENCE_S = 20.0
PICTURE = jpeg(person_crop(2))
TOO_MUCH_DATA = InlineKeyboardMarkup([[InlineKeyboardButton("Mute", callback_data="ü" * 33)]])
BUTTON = InlineKeyboardMarkup([[InlineKeyboardButton("Mute 1 h", callback_data="mute:1")]])


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Iterator[BotApi]:
    monkeypatch.setenv("PTB_TIMEDELTA", "1")  # the library's future type of `retry_after`; the former one warns
    with BotApi() as api:
        yield api


def with_bot(
    api: BotApi,
    use: Callable[[telegram.Bot], Coroutine[Any, Any, T]],
    token: str | None = None,
    patience: float = PATIENCE_S,
) -> T:
    """Run a coroutine with the real client, connected to the server, which has `patience` seconds for each answer."""

    async def run() -> T:
        request = HTTPXRequest(read_timeout=patience)
        bot = telegram.Bot(token or api.token, base_url=f"{api.url}/bot", request=request, get_updates_request=request)
        try:
            return await use(bot)
        finally:
            await request.shutdown()

    return asyncio.run(run())


def send_photo(bot: telegram.Bot) -> Coroutine[Any, Any, telegram.Message]:
    return bot.send_photo(CHAT, PICTURE, caption="<b>alice</b> &amp; bob", parse_mode="HTML", reply_markup=BUTTON)


def test_a_bot_knows_its_own_name(api: BotApi) -> None:
    assert with_bot(api, lambda bot: bot.get_me()).is_bot


def test_a_photo_arrives_byte_for_byte_with_its_caption_and_buttons(api: BotApi) -> None:
    message = with_bot(api, send_photo)

    (call,) = api.wait_for("sendPhoto")
    assert (call.photo, call.chat_id, call.delivered, call.message_id) == (PICTURE, CHAT, True, message.message_id)
    assert (message.caption, message.photo[-1].width, message.reply_markup) == ("alice & bob", 220, BUTTON)


def test_an_album_arrives_with_all_its_pictures(api: BotApi) -> None:
    album = [InputMediaPhoto(PICTURE, caption="alice"), InputMediaPhoto(jpeg(person_crop(3)))]

    messages = with_bot(api, lambda bot: bot.send_media_group(CHAT, album))

    assert len(messages) == 2
    assert set(api.calls("sendMediaGroup")[0].files.values()) == {PICTURE, jpeg(person_crop(3))}


def test_a_message_can_be_edited_in_every_way(api: BotApi) -> None:
    async def edit(bot: telegram.Bot) -> int:
        sent = await send_photo(bot)
        better = InputMediaPhoto(jpeg(person_crop(3)), caption="bob")
        await bot.edit_message_media(better, CHAT, sent.message_id)
        await bot.edit_message_caption(CHAT, sent.message_id, caption="bob again")
        await bot.edit_message_reply_markup(CHAT, sent.message_id, reply_markup=BUTTON)
        return sent.message_id

    shown = api.message(with_bot(api, edit))

    assert shown["caption"] == "bob again"
    assert shown["reply_markup"] == BUTTON.to_dict()
    assert api.calls("editMessageMedia")[0].photo == jpeg(person_crop(3))


def test_an_edit_that_changes_nothing_is_refused(api: BotApi) -> None:
    async def edit_twice(bot: telegram.Bot) -> None:
        sent = await bot.send_message(CHAT, "hello")
        await bot.edit_message_text("hello", CHAT, sent.message_id)

    with pytest.raises(BadRequest, match="not modified"):
        with_bot(api, edit_twice)


@pytest.mark.parametrize(
    ("send", "said"),
    [
        (lambda bot: bot.send_photo(CHAT, b"not a picture"), "IMAGE_PROCESS_FAILED"),
        (lambda bot: bot.send_photo(CHAT, PICTURE, caption="a" * 1025), "caption is too long"),
        (lambda bot: bot.send_message(CHAT, "<alice>", parse_mode="HTML"), "can't parse entities"),
        (lambda bot: bot.edit_message_text("hello", CHAT, 99), "message to edit not found"),
        (lambda bot: bot.answer_callback_query("1"), "query is too old"),
        (lambda bot: bot.send_message(CHAT, "hello", reply_markup=TOO_MUCH_DATA), "BUTTON_DATA_INVALID"),
    ],
)
def test_what_telegram_refuses_is_refused(
    api: BotApi, send: Callable[[telegram.Bot], Coroutine[Any, Any, object]], said: str
) -> None:
    with pytest.raises(BadRequest, match=f"(?i){said}"):
        with_bot(api, send)
    assert not any(call.delivered for call in api.calls())


def test_an_unknown_token_is_refused(api: BotApi) -> None:
    with pytest.raises(InvalidToken):
        with_bot(api, send_photo, token="1:unknown")
    assert api.calls() == []


def test_an_unknown_method_is_refused(api: BotApi) -> None:
    assert httpx.get(f"{api.url}/bot{api.token}/makeCoffee").status_code == 404


@pytest.mark.parametrize("form", ["json", "urlencoded"])
def test_fields_may_come_as_json_or_as_a_form(api: BotApi, form: str) -> None:
    call = f"{api.url}/bot{api.token}/sendMessage"
    fields = {"chat_id": 5, "text": "hello"}

    answer = httpx.post(call, json=fields) if form == "json" else httpx.post(call, data=fields)

    assert answer.json()["result"]["chat"] == {"id": 5, "type": "private", "first_name": "chat 5"}


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (TooManyRequests(7), RetryAfter),
        (ServerError(502), NetworkError),
        (Refused(403, "Forbidden: bot was blocked by the user"), Forbidden),
        (Cut(), NetworkError),
        (Garbage(), telegram.error.TelegramError),
    ],
)
def test_a_scripted_fault_reaches_the_client_once(
    api: BotApi, answer: TooManyRequests | ServerError | Refused | Cut | Garbage, error: type[Exception]
) -> None:
    api.script([answer])

    with pytest.raises(error):
        with_bot(api, send_photo)
    with_bot(api, send_photo)

    assert [call.delivered for call in api.wait_for("sendPhoto", 2)] == [False, True]


@pytest.mark.parametrize("answer", [Cut(delivered=True), Garbage(delivered=True), Slow(30)])
def test_a_message_may_arrive_although_its_answer_does_not(api: BotApi, answer: Cut | Garbage | Slow) -> None:
    api.script([answer])

    with pytest.raises((NetworkError, TimedOut, telegram.error.TelegramError)):
        with_bot(api, send_photo, patience=1.0 if isinstance(answer, Slow) else PATIENCE_S)

    (call,) = api.wait_for("sendPhoto", delivered=True)
    assert call.message_id is not None
    assert api.message(call.message_id)["caption"] == "alice & bob"


def test_a_script_for_one_method_spares_the_others(api: BotApi) -> None:
    api.script(itertools.repeat(ServerError()), method="editMessageText")
    api.script([Ok(), TooManyRequests(1)])

    with_bot(api, send_photo)
    with pytest.raises(RetryAfter):
        with_bot(api, send_photo)


def test_a_long_poll_gets_an_update_as_soon_as_there_is_one(api: BotApi) -> None:
    pushing = threading.Thread(
        target=lambda: (api.wait_for("getUpdates"), api.push_message(CHAT, "/who", chat_title="Home"))
    )
    pushing.start()

    (update,) = with_bot(api, lambda bot: bot.get_updates(timeout=30))
    pushing.join()

    assert update.message is not None
    assert (update.message.text, update.message.chat.title) == ("/who", "Home")
    assert update.message.entities[0].type == "bot_command"


def test_a_confirmed_update_does_not_come_again(api: BotApi) -> None:
    api.push_message(CHAT, "one")
    api.push_message(CHAT, "two")

    async def poll_twice(bot: telegram.Bot) -> list[str | None]:
        first, _ = await bot.get_updates()
        rest = await bot.get_updates(offset=first.update_id + 1)
        return [update.message.text for update in rest if update.message]

    assert with_bot(api, poll_twice) == ["two"]


def test_a_newer_poll_ends_an_older_one(api: BotApi) -> None:
    async def poll_at_once(bot: telegram.Bot) -> None:
        older = asyncio.create_task(bot.get_updates(timeout=30))
        await asyncio.to_thread(api.wait_for, "getUpdates")
        await bot.get_updates()
        await older

    with pytest.raises(Conflict):
        with_bot(api, poll_at_once)


def test_a_pressed_button_and_a_reply_name_the_message_they_belong_to(api: BotApi) -> None:
    sent = with_bot(api, send_photo)
    query_id = api.push_callback(CHAT, sent.message_id, "mute:1")
    api.push_message(CHAT, "carol", reply_to=sent.message_id)

    async def read(bot: telegram.Bot) -> tuple[telegram.Update, ...]:
        await bot.answer_callback_query(query_id, text="muted")
        return await bot.get_updates()

    pressed, replied = with_bot(api, read)

    assert pressed.callback_query is not None
    assert pressed.callback_query.message is not None
    assert (pressed.callback_query.data, pressed.callback_query.message.message_id) == ("mute:1", sent.message_id)
    assert replied.message is not None
    assert replied.message.reply_to_message is not None
    assert replied.message.reply_to_message.message_id == sent.message_id


def test_waiting_in_vain_says_what_came_instead(api: BotApi) -> None:
    with_bot(api, lambda bot: bot.delete_webhook())

    with pytest.raises(TimeoutError, match="deleteWebhook"):
        api.wait_for("sendPhoto", timeout=0.05)


def test_closing_ends_long_polls_slow_answers_and_kept_connections() -> None:
    with BotApi() as api:
        api.script([Slow(60)])
        polling = threading.Thread(target=_call, args=(api, "getUpdates", {"timeout": 60}))
        sending = threading.Thread(target=_call, args=(api, "sendMessage", {"chat_id": 5, "text": "hello"}))
        polling.start()
        sending.start()
        api.wait_for("getUpdates")
        api.wait_for("sendMessage")
    polling.join(5)
    sending.join(5)

    assert not polling.is_alive()
    assert not sending.is_alive()


def _call(api: BotApi, method: str, params: dict[str, object]) -> None:
    with contextlib.suppress(httpx.TransportError):  # it is hung up on
        httpx.post(f"{api.url}/bot{api.token}/{method}", json=params, timeout=90)
