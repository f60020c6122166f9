"""What people answer in Telegram: buttons, names and commands, obeyed only from the chats that were configured."""

import logging
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Protocol

from backend.domain.access import Actor, acting_as
from backend.domain.audit import Deed
from backend.domain.errors import DeliveryError, FaceServerError
from backend.domain.notification import Channel, ChannelKind
from backend.domain.rule import Mute
from backend.domain.sighting import Sighting, SightingFilter
from backend.notifications.buttons import Wish, wish_of
from backend.notifications.naming import Naming
from backend.notifications.telegram import Heard
from backend.storage import audit, channels, mutes, outbox, people, rules, sightings
from backend.storage.database import Database, Transaction
from backend.storage.ids import new_id

logger = logging.getLogger(__name__)

MUTED_FOR = timedelta(hours=1)
IGNORED_FOR = timedelta(days=36_500)
"""A stranger who is to be ignored is so until the mute is removed."""
MOST_VISITS = 30
"""How many visits `/who` tells: more do not fit into one message."""
_SIGHTING = re.compile(r"\b[0-9A-HJKMNP-TV-Z]{26}\b")
_HELP = (
    "/who – today's visits\n/last CAMERA – its picture now\n/arm, /disarm – messages on, off\n"
    "Reply to a picture with a name, and the person is known by it from then on."
)


class Conversation(Protocol):
    """How to speak to the people in a chat."""

    def say(
        self, token: str, chat_id: str, text: str, *, picture: bytes | None = None, wants_answer: bool = False
    ) -> None:
        """Write into a chat."""
        ...

    def acknowledge(self, token: str, callback_id: str, text: str) -> None:
        """Tell who pressed a button what came of it."""
        ...


class Answers:
    """Does what is asked for in the configured chats; used by several threads."""

    def __init__(
        self,
        database: Database,
        naming: Naming,
        conversation: Conversation,
        picture_of: Callable[[str], bytes | None],
        wake: Callable[[], None],
        zone: tzinfo | None,
    ) -> None:
        """Take a camera's picture, by its nickname, from `picture_of`; call `wake` when messages may be outdated."""
        self._database = database
        self._naming = naming
        self._conversation = conversation
        self._picture_of = picture_of
        self._wake = wake
        self._zone = zone

    def obey(self, token: str, heard: Heard) -> None:
        """Do what was asked and say what came of it; a chat that is not configured gets no answer."""
        if heard.chat is None:
            return
        known = self._channels(token, heard.chat.chat_id)
        if not known:
            logger.warning("Telegram chat %s is not configured: not obeyed.", heard.chat.chat_id)
            return
        try:
            with acting_as(Actor(f"Telegram chat {heard.chat.chat_id}")):
                self._answer(token, heard.chat.chat_id, heard, known)
        except DeliveryError as error:
            logger.warning("Telegram chat %s could not be answered: %s", heard.chat.chat_id, error.message)

    def _channels(self, token: str, chat_id: str) -> list[Channel]:
        with self._database.read() as tx:
            every = channels.all_by_age(tx)
        wanted = {"api_token": token, "chat_id": chat_id}
        return [c for c in every if c.kind is ChannelKind.TELEGRAM and wanted.items() <= c.settings.items()]

    def _answer(self, token: str, chat_id: str, heard: Heard, known: list[Channel]) -> None:
        if heard.callback_id is not None:
            self._pressed(token, chat_id, heard.callback_id, heard.button or "")
        elif heard.text.startswith("/"):
            text, picture = self._command(heard.text)
            self._conversation.say(token, chat_id, text, picture=picture)
        else:
            sighting_id = self._meant(heard, known)
            if sighting_id is not None:
                self._conversation.say(token, chat_id, self._named(sighting_id, heard.text))

    def _meant(self, heard: Heard, known: list[Channel]) -> str | None:
        """Which sighting a written answer is about: our question names it, or it answers the picture itself."""
        asked = _SIGHTING.search(heard.answered)
        if asked is not None:
            return asked[0]
        if heard.message_id is None:
            return None
        with self._database.read() as tx:
            return outbox.sighting_of(tx, [channel.channel_id for channel in known], str(heard.message_id))

    def _named(self, sighting_id: str, name: str) -> str:
        try:
            learned = self._naming.name(sighting_id, name)
        except FaceServerError as error:
            return error.message
        self._wake()
        begun = "is new" if learned.is_new else "is known better now"
        known = f"learned from {learned.looks} looks; {learned.embeddings} templates in all"
        return f"{self._called(learned.person_id)} {begun}: {known}."

    def _pressed(self, token: str, chat_id: str, callback_id: str, data: str) -> None:
        wished = wish_of(data)
        sighting = None if wished is None else self._sighting(wished[1])
        if wished is None or sighting is None:
            self._conversation.acknowledge(token, callback_id, "That is no longer there.")
            return
        if wished[0] is Wish.NAME:
            self._conversation.acknowledge(token, callback_id, "Tell the name.")
            question = f"Who is it? Reply to this message with the name. ({sighting.sighting_id})"
            self._conversation.say(token, chat_id, question, wants_answer=True)
            return
        self._conversation.acknowledge(token, callback_id, self._done(wished[0], sighting))

    def _done(self, wish: Wish, sighting: Sighting) -> str:
        """Do what a button stands for; answers what came of it."""
        try:
            match wish:
                case Wish.DENY if sighting.person_id is not None:
                    self._naming.deny(sighting.sighting_id, sighting.person_id)
                    self._wake()
                    name = self._called(sighting.person_id)
                    return f"Not {name}: who looks like this is not taken for {name} again."
                case Wish.IGNORE:
                    return self._ignored(sighting)
                case Wish.MUTE:
                    return self._muted(sighting)
                case _:
                    return "It has no name already."
        except FaceServerError as error:
            return error.message

    def _ignored(self, sighting: Sighting) -> str:
        with self._database.write() as tx:
            look = sightings.template(tx, sighting.sighting_id)
            _mute(tx, Mute(new_id(), datetime.now(UTC) + IGNORED_FOR, look=look))
        return "There will be no more messages about strangers who look like this."

    def _muted(self, sighting: Sighting) -> str:
        until = datetime.now(UTC) + MUTED_FOR
        known = sighting.person_id
        where = sighting.camera_id if known is None else None
        with self._database.write() as tx:
            _mute(tx, Mute(new_id(), until, camera_id=where, person_id=known))
        what = f"About {self._called(known)}" if known is not None else f"From {sighting.camera_nickname}"
        return f"{what} there will be no messages until {until.astimezone(self._zone):%H:%M}."

    def _command(self, text: str) -> tuple[str, bytes | None]:
        # In groups commands come with the bot's name: /who@face_server_bot.
        command, _, argument = text.partition(" ")
        match command.partition("@")[0]:
            case "/who":
                return self._visits(), None
            case "/last":
                return self._last(argument.strip())
            case "/arm" | "/disarm" as wanted:
                return self._armed(armed=wanted == "/arm"), None
            case _:
                return _HELP, None

    def _visits(self) -> str:
        midnight = datetime.now(UTC).astimezone(self._zone).replace(hour=0, minute=0, second=0, microsecond=0)
        with self._database.read() as tx:
            found = sightings.page(tx, SightingFilter(since=midnight), None, MOST_VISITS)
            names = {s.person_id: people.display_name(tx, s.person_id) for s in found if s.person_id is not None}
        lines = [
            f"{visit.started_at.astimezone(self._zone):%H:%M} "
            f"{names[visit.person_id] if visit.person_id else 'somebody unknown'} at {visit.camera_nickname}"
            for visit in found
        ]
        return "\n".join(lines) or "Nobody has been here today."

    def _last(self, camera: str) -> tuple[str, bytes | None]:
        picture = self._picture_of(camera)
        return (
            (f"{camera} now", picture) if picture is not None else (f"There is no picture of a camera {camera}.", None)
        )

    def _armed(self, *, armed: bool) -> str:
        with self._database.write() as tx:
            rules.arm(tx, armed=armed)
            audit.note(tx, Deed.ARMING_CHANGED, "arming", armed=armed)
        return "Armed." if armed else "Disarmed: there are no messages until /arm."

    def _called(self, person_id: str) -> str:
        with self._database.read() as tx:
            return people.display_name(tx, person_id)

    def _sighting(self, sighting_id: str) -> Sighting | None:
        with self._database.read() as tx:
            return sightings.find(tx, sighting_id)


def _mute(tx: Transaction, wanted: Mute) -> None:
    mutes.add(tx, wanted)
    audit.note(tx, Deed.MUTE_ADDED, wanted.mute_id, until=wanted.until.isoformat())
