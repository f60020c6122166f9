"""What people answer on the phone: a real bot on a local Bot API server, a real gallery, a real outbox."""

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from backend.domain.face import KeptLook
from backend.domain.notification import ChannelKind
from backend.domain.sighting import Sighting
from backend.gallery.gallery import Gallery
from backend.notifications.answers import Answers
from backend.notifications.dispatcher import Dispatcher
from backend.notifications.listening import Listeners
from backend.notifications.naming import Naming
from backend.notifications.telegram.bot import TelegramNotifier
from backend.storage import mutes, outbox, rules, sighting_looks, sightings
from backend.storage.templates import NewTemplate
from tests.rig.bot_api import BotApi, Call, Refused, ServerError, TooManyRequests
from tests.rig.photos import jpeg, person_crop
from tests.rig.watching import wait_until
from tests.unit.notifications.situations import NOON, Home, a_home, a_look

CHAT, STRANGE_CHAT = 4711, 666
PICTURE = jpeg(person_crop(2))
STOP_S = 60.0


@dataclass
class Phone:
    """A home whose messages reach a phone, and a person who answers them."""

    home: Home
    api: BotApi
    gallery: Gallery
    dispatcher: Dispatcher
    listeners: Listeners
    channel_id: str

    def told(self, person_id: str | None) -> tuple[Sighting, Call]:
        """Have a sighting told; answers it, and the message about it."""
        before = len(self.api.calls("sendPhoto", delivered=True))
        sighting = self.home.see(person_id, self.channel_id)
        self.dispatcher.wake()
        message = self.api.wait_for("sendPhoto", before + 1, delivered=True)[-1]
        # Before that is recorded, nobody can answer it.
        wait_until(lambda: {told.state for told in self.home.told()} == {"delivered"})
        return sighting, message

    def press(self, call: Call, words: str) -> str:
        """Press a button below a message; answers what pops up."""
        (button,) = [b for row in self.buttons(call) for b in row if words in b["text"]]
        before = len(self.api.calls("answerCallbackQuery"))
        self.api.push_callback(CHAT, call.message_id or 0, button["callback_data"])
        return self.api.wait_for("answerCallbackQuery", before + 1)[-1].params["text"]

    def buttons(self, call: Call) -> list[list[dict[str, str]]]:
        shown = self.api.message(call.message_id or 0)
        keyboard: list[list[dict[str, str]]] = shown["reply_markup"]["inline_keyboard"]
        return keyboard

    def write(self, text: str, *, reply_to: int | None = None) -> str:
        """Write into the chat; answers what the bot says to it."""
        before = len(self.api.calls("sendMessage"))
        self.api.push_message(CHAT, text, reply_to=reply_to)
        return self.api.wait_for("sendMessage", before + 1)[-1].params["text"]

    def sighting(self, sighting_id: str) -> Sighting:
        with self.home.database.read() as tx:
            found = sightings.find(tx, sighting_id)
        assert found is not None
        return found

    def outcomes(self) -> list[str]:
        """What came of every attempt, the oldest first."""
        with self.home.database.read() as tx:
            sent = outbox.page(tx, None, None, None, 100)
            return [tried.outcome for tried in outbox.attempts_of(tx, [delivery.delivery_id for delivery in sent])]

    def muted(self) -> int:
        with self.home.database.read() as tx:
            return len(mutes.lasting(tx, NOON))


class FrontDoor:
    """The only camera that is watched."""

    def nicknames(self) -> list[str]:
        return ["Front door"]

    def picture(self, nickname: str) -> bytes | None:
        return PICTURE if nickname.casefold() == "front door" else None


@pytest.fixture
def phone(tmp_path: Path) -> Iterator[Phone]:
    with a_home(tmp_path) as home, BotApi() as api, closing(TelegramNotifier(api.url)) as telegram:
        gallery = Gallery(home.database, "model")
        dispatcher = Dispatcher(home.database, home.snapshots, {ChannelKind.TELEGRAM: telegram}, None)
        naming = Naming(home.database, lambda: gallery)
        answers = Answers(home.database, naming, telegram, FrontDoor(), dispatcher.wake, None)
        listeners = Listeners(home.database, telegram, answers.obey)
        channel_id = home.channel({"api_token": api.token, "chat_id": str(CHAT)})
        dispatcher.start()
        listeners.start()
        try:
            yield Phone(home, api, gallery, dispatcher, listeners, channel_id)
        finally:
            listeners.stop(STOP_S)
            dispatcher.stop(STOP_S)


def test_a_message_has_the_buttons_for_a_stranger_or_for_a_person(phone: Phone) -> None:
    words = [[b["text"] for row in phone.buttons(phone.told(who)[1]) for b in row] for who in (None, "alice")]
    assert words == [["Who is it?", "Ignore this person", "Mute 1 h"], ["Not alice", "Mute 1 h"]]


def test_a_stranger_who_is_named_is_enrolled_relabelled_and_renamed_in_the_message(phone: Phone) -> None:
    sighting, message = phone.told(None)
    assert phone.press(message, "Who is it?") == "Tell the name."
    (question,) = phone.api.wait_for("sendMessage")
    assert "force_reply" in question.params["reply_markup"]
    said = phone.write("alice", reply_to=question.message_id)
    assert said == "alice is new: learned from 1 look; 1 template in all."
    assert [candidate.person_id for candidate in phone.gallery.search(a_look())] == ["alice"]
    assert phone.sighting(sighting.sighting_id).person_id == "alice"
    phone.api.wait_for("editMessageMedia", delivered=True)
    shown = phone.api.message(message.message_id or 0)
    assert shown["caption"].startswith("alice at Front door")
    assert [b["text"] for row in phone.buttons(message) for b in row] == ["Not alice", "Mute 1 h"]


def test_people_are_called_by_their_display_names_on_buttons_and_in_answers(phone: Phone) -> None:
    phone.gallery.add("alice", [NewTemplate(a_look(20.0), 0.9, "photo", "hash")])
    phone.gallery.describe("alice", display_name="Alice Example")
    _, message = phone.told("alice")
    assert message.params["caption"].startswith("Alice Example at Front door")
    assert [b["text"] for row in phone.buttons(message) for b in row] == ["Not Alice Example", "Mute 1 h"]
    assert phone.press(message, "Mute 1 h").startswith("About Alice Example")
    assert "is not taken for Alice Example again" in phone.press(message, "Not Alice Example")


def test_a_picture_can_be_answered_with_a_name_itself(phone: Phone) -> None:
    phone.gallery.add("Alice", [NewTemplate(a_look(170.0), 0.9, "photo", "hash")])
    sighting, message = phone.told(None)
    said = phone.write(" alice ", reply_to=message.message_id)
    assert said == "Alice is known better now: learned from 1 look; 2 templates in all."
    assert phone.sighting(sighting.sighting_id).person_id == "Alice"


def test_an_impossible_name_is_refused_with_its_reason(phone: Phone) -> None:
    _, message = phone.told(None)
    assert "1–128 letters" in phone.write("a/b", reply_to=message.message_id)


def test_who_is_said_not_to_be_somebody_is_never_taken_for_them_again(phone: Phone) -> None:
    phone.gallery.add("alice", [NewTemplate(a_look(20.0), 0.9, "photo", "hash")])
    sighting, message = phone.told("alice")
    assert "is not taken for alice again" in phone.press(message, "Not alice")
    assert phone.gallery.search(a_look()) == []
    assert phone.sighting(sighting.sighting_id).person_id is None
    phone.api.wait_for("editMessageMedia", delivered=True)
    assert phone.api.message(message.message_id or 0)["caption"].startswith("Somebody unknown")


def test_a_stranger_can_be_ignored_and_a_person_or_a_camera_muted(phone: Phone) -> None:
    (_, stranger), (_, alice) = phone.told(None), phone.told("alice")
    assert "who look like this" in phone.press(stranger, "Ignore this person")
    assert "From Front door" in phone.press(stranger, "Mute 1 h")
    assert "About alice" in phone.press(alice, "Mute 1 h")
    with phone.home.database.read() as tx:
        kept = [(m.look is not None, m.camera_id, m.person_id) for m in mutes.lasting(tx, NOON)]
    assert kept == [(True, None, None), (False, "front", None), (False, None, "alice")]


def test_a_button_below_a_sighting_that_is_gone_says_so(phone: Phone) -> None:
    _, message = phone.told(None)
    phone.home.sql("DELETE FROM sightings")
    assert phone.press(message, "Mute 1 h") == "That is no longer there."


def test_a_better_picture_takes_the_place_of_the_first(phone: Phone) -> None:
    sighting, message = phone.told("alice")
    phone.home.snapshots.write("2026-11-22/better-2.jpg", jpeg(person_crop(3)))
    with phone.home.database.write() as tx:
        sightings.change(tx, replace(sighting, picture="2026-11-22/better-2.jpg"), a_look())
    phone.dispatcher.wake()
    (edit,) = phone.api.wait_for("editMessageMedia", delivered=True)
    assert edit.message_id == message.message_id
    assert len(phone.api.calls("sendPhoto")) == 1


def test_a_change_that_fails_is_not_tried_for_ever_where_telegram_refuses(phone: Phone) -> None:
    phone.api.script([Refused(400, "Bad Request: message can't be edited")], "editMessageMedia")
    sighting, _ = phone.told("alice")
    with phone.home.database.write() as tx:
        sightings.relabel(tx, sighting.sighting_id, "bob")
    phone.dispatcher.wake()
    phone.api.wait_for("editMessageMedia")
    _, other = phone.told("carol")
    assert other.params["caption"].startswith("carol")
    assert len(phone.api.calls("editMessageMedia")) == 1


def test_commands_are_obeyed(phone: Phone) -> None:
    assert phone.write("/help@face_server_test_bot").startswith("/who")
    assert phone.write("/disarm").startswith("Disarmed")
    with phone.home.database.read() as tx:
        assert not rules.is_armed(tx)
    assert phone.write("/arm") == "Armed."
    assert phone.write("/who") == "Nobody has been here today."
    assert phone.write("/last Garden") == "There is no camera Garden. There are: Front door."
    for text in ("/last Front door", "/LAST@Face_Server_Test_Bot   front DOOR", "/last"):
        before = len(phone.api.calls("sendPhoto"))
        phone.api.push_message(CHAT, text)
        sent = phone.api.wait_for("sendPhoto", before + 1)[-1]
        assert (sent.params["caption"].casefold(), sent.photo) == ("front door now", PICTURE)


def test_a_command_that_another_bot_of_the_group_is_given_is_not_obeyed(phone: Phone) -> None:
    phone.api.push_message(CHAT, "/disarm@another_bot")
    assert phone.write("/who")
    with phone.home.database.read() as tx:
        assert rules.is_armed(tx)
    assert len(phone.api.calls("sendMessage")) == 1


def test_what_is_said_answers_the_message_that_asked_for_it(phone: Phone) -> None:
    _, message = phone.told(None)
    phone.press(message, "Who is it?")
    (question,) = phone.api.wait_for("sendMessage")
    assert json.loads(question.params["reply_parameters"])["message_id"] == message.message_id
    # Asked of whom it mentions it would be asked of nobody.
    assert not json.loads(question.params["reply_markup"]).get("selective")
    command = phone.api.push_message(CHAT, "/who")
    said = phone.api.wait_for("sendMessage", 2)[-1]
    assert json.loads(said.params["reply_parameters"])["message_id"] == command


def test_in_a_topic_what_is_said_answers_there_and_talk_names_nobody(phone: Phone) -> None:
    phone.told(None)
    phone.api.push_message(CHAT, "alice is late", topic=4000)
    asked = phone.api.push_message(CHAT, "/last", topic=4000)
    picture = phone.api.wait_for("sendPhoto", 2)[-1]
    # Telegram puts a reply into the topic of what it answers.
    assert json.loads(picture.params["reply_parameters"])["message_id"] == asked
    assert phone.api.calls("sendMessage") == []


def test_every_best_look_of_a_visit_is_learned_from_with_its_face(phone: Phone) -> None:
    sighting, message = phone.told(None)
    looks = [KeptLook(a_look(degrees), 0.9 - degrees / 100, bytes([degrees])) for degrees in (5, 10, 15)]
    with phone.home.database.write() as tx:
        sighting_looks.keep(tx, sighting.sighting_id, looks)
    said = phone.write("alice", reply_to=message.message_id)
    assert said == "alice is new: learned from 3 looks; 3 templates in all."
    faces = phone.gallery.templates_of("alice")
    assert [face.quality for face in faces] == [look.quality for look in looks]
    assert [phone.gallery.crop("alice", face.template_id) for face in faces] == [look.crop for look in looks]
    # The same said twice teaches nothing new.
    assert phone.write("alice", reply_to=message.message_id).endswith("3 templates in all.")


def test_looks_of_a_model_that_is_used_no_more_are_not_learned_from(phone: Phone) -> None:
    sighting, message = phone.told(None)
    with phone.home.database.write() as tx:
        sighting_looks.keep(tx, sighting.sighting_id, [KeptLook(a_look(5.0, "former"), 0.9, None)])
    assert "1 template in all" in phone.write("alice", reply_to=message.message_id)


def test_who_is_said_not_to_be_somebody_takes_back_what_was_learned(phone: Phone) -> None:
    phone.gallery.add("alice", [NewTemplate(a_look(90.0), 0.9, "photo", "hash")])
    sighting, message = phone.told(None)
    with phone.home.database.write() as tx:
        sighting_looks.keep(tx, sighting.sighting_id, [KeptLook(a_look(5.0), 0.9, None), KeptLook(a_look(), 0.8, None)])
    assert phone.write("alice", reply_to=message.message_id).endswith("3 templates in all.")
    phone.api.wait_for("editMessageMedia", delivered=True)
    assert "is not taken for alice again" in phone.press(message, "Not alice")
    assert [face.source_name for face in phone.gallery.templates_of("alice")] == ["photo"]


def test_a_button_that_was_pressed_long_ago_is_done_and_said_in_the_chat(phone: Phone) -> None:
    _, message = phone.told(None)
    gone = Refused(400, "Bad Request: query is too old and response timeout expired or query ID is invalid")
    phone.api.script([gone, gone], "answerCallbackQuery")
    phone.press(message, "Mute 1 h")
    (said,) = phone.api.wait_for("sendMessage")
    assert said.params["text"].startswith("From Front door")
    phone.press(message, "Who is it?")
    assert "Who is it?" in phone.api.wait_for("sendMessage", 2)[-1].params["text"]


def test_a_button_says_no_to_the_name_that_stood_on_it(phone: Phone) -> None:
    phone.gallery.add("bob", [NewTemplate(a_look(20.0), 0.9, "photo", "hash")])
    sighting, message = phone.told("alice")
    (data,) = [b["callback_data"] for row in phone.buttons(message) for b in row if b["text"] == "Not alice"]
    with phone.home.database.write() as tx:
        sightings.relabel(tx, sighting.sighting_id, "bob")
    phone.api.push_callback(CHAT, message.message_id or 0, data)
    (said,) = phone.api.wait_for("answerCallbackQuery")
    assert said.params["text"] == "It is called bob by now."
    assert phone.sighting(sighting.sighting_id).person_id == "bob"


def test_a_button_pressed_twice_does_no_harm(phone: Phone) -> None:
    phone.gallery.add("alice", [NewTemplate(a_look(20.0), 0.9, "photo", "hash")])
    _, message = phone.told("alice")
    (data,) = [b["callback_data"] for row in phone.buttons(message) for b in row if b["text"] == "Not alice"]
    for times in (1, 2):
        phone.api.push_callback(CHAT, message.message_id or 0, data)
        said = phone.api.wait_for("answerCallbackQuery", times)[-1].params["text"]
    assert said == "It has no name already."


def test_a_button_pressed_in_a_chat_that_is_not_configured_does_nothing(phone: Phone) -> None:
    _, message = phone.told(None)
    (data,) = [b["callback_data"] for row in phone.buttons(message) for b in row if b["text"] == "Mute 1 h"]
    stolen = phone.api.push_message(STRANGE_CHAT, "from another chat")
    phone.api.push_callback(STRANGE_CHAT, stolen, data)
    assert phone.write("/who")
    assert phone.muted() == 0
    assert phone.api.calls("answerCallbackQuery") == []


def test_a_group_that_becomes_a_supergroup_is_obeyed_under_its_new_id(phone: Phone) -> None:
    phone.api.push_migration(CHAT, -1009)
    phone.api.push_message(-1009, "/who")
    (said,) = phone.api.wait_for("sendMessage")
    assert said.chat_id == -1009
    _, message = phone.told("alice")
    assert message.chat_id == -1009


def test_a_change_that_was_made_and_not_recorded_counts_as_made(phone: Phone) -> None:
    sighting, message = phone.told("alice")
    # Before the change is written: the dispatcher may look at any moment.
    phone.api.script([Refused(400, "Bad Request: message is not modified: same content")], "editMessageMedia")
    with phone.home.database.write() as tx:
        sightings.relabel(tx, sighting.sighting_id, "bob")
    phone.dispatcher.wake()
    phone.api.wait_for("editMessageMedia")
    wait_until(lambda: "edited" in phone.outcomes())
    with phone.home.database.write() as tx:
        sightings.relabel(tx, sighting.sighting_id, "carol")
    phone.dispatcher.wake()
    phone.api.wait_for("editMessageMedia", delivered=True)
    assert phone.api.message(message.message_id or 0)["caption"].startswith("carol")


def test_a_message_whose_change_is_refused_can_still_be_answered(phone: Phone) -> None:
    sighting, message = phone.told(None)
    phone.api.script([Refused(400, "Bad Request: message can't be edited")], "editMessageMedia")
    with phone.home.database.write() as tx:
        sightings.relabel(tx, sighting.sighting_id, "bob")
    phone.dispatcher.wake()
    wait_until(lambda: "edit_refused" in phone.outcomes())
    assert phone.write("carol", reply_to=message.message_id).startswith("carol is new")


def test_how_long_to_wait_with_a_change_is_believed_within_reason(phone: Phone) -> None:
    phone.api.script([TooManyRequests(10**30)], "editMessageMedia")
    sighting, _ = phone.told("alice")
    with phone.home.database.write() as tx:
        sightings.relabel(tx, sighting.sighting_id, "bob")
    phone.dispatcher.wake()
    wait_until(lambda: "edit_delayed" in phone.outcomes())
    assert phone.told("carol")[1].params["caption"].startswith("carol")


def test_a_better_picture_that_is_not_taken_keeps_no_name_back(phone: Phone) -> None:
    phone.api.script([Refused(400, "Bad Request: IMAGE_PROCESS_FAILED")], "editMessageMedia")
    sighting, message = phone.told("alice")
    with phone.home.database.write() as tx:
        sightings.relabel(tx, sighting.sighting_id, "bob")
    phone.dispatcher.wake()
    phone.api.wait_for("editMessageCaption", delivered=True)
    assert phone.api.message(message.message_id or 0)["caption"].startswith("bob")


def test_strangers_fill_neither_the_log_nor_the_memory(phone: Phone, caplog: pytest.LogCaptureFixture) -> None:
    for chat in (*[STRANGE_CHAT] * 50, *range(10_000, 10_200)):
        phone.api.push_message(chat, "hello")
    assert phone.write("/who")
    lines = [message for message in caplog.messages if "is not configured" in message]
    assert len([line for line in lines if f"chat {STRANGE_CHAT} " in line]) == 1
    assert len(lines) <= 100
    assert len(phone.listeners.chats(phone.api.token) or []) == 100


def test_todays_visits_are_told_the_newest_first(phone: Phone) -> None:
    now = NOON.now(NOON.tzinfo)
    for person_id in ("alice", None):
        phone.home.see(person_id, phone.channel_id, started_at=now)
    lines = phone.write("/who").splitlines()
    assert [line.partition(" ")[2] for line in lines] == ["somebody unknown at Front door", "alice at Front door"]


def test_a_chat_that_is_not_configured_gets_silence_and_a_line_in_the_log(
    phone: Phone, caplog: pytest.LogCaptureFixture
) -> None:
    phone.api.push_message(STRANGE_CHAT, "/disarm")
    wait_until(lambda: f"{STRANGE_CHAT} is not configured" in caplog.text)
    with phone.home.database.read() as tx:
        assert rules.is_armed(tx)
    assert phone.write("/who")
    assert {call.chat_id for call in phone.api.calls("sendMessage")} == {CHAT}
    assert [chat.chat_id for chat in phone.listeners.chats(phone.api.token) or []] == [str(CHAT), str(STRANGE_CHAT)]


def test_hearing_goes_on_after_a_fault(phone: Phone) -> None:
    phone.api.script([ServerError(502)], "getUpdates")
    assert phone.write("/who")
    assert phone.write("/who")


def test_a_bot_that_no_channel_names_is_not_listened_to(phone: Phone) -> None:
    assert phone.listeners.chats("1:unknown") is None
