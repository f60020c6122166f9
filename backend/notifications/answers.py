"""What people answer in Telegram: buttons, names and commands, obeyed only from the chats that were configured."""

import logging
import re
import threading
import time
from collections.abc import Callable, Sequence
from datetime import timedelta, tzinfo
from typing import Protocol

from backend.domain.access import Actor, acting_as
from backend.domain.audit import Deed
from backend.domain.clock import start_of_day, utc_now
from backend.domain.errors import DeliveryError, FaceServerError
from backend.domain.notification import Channel, ChannelKind
from backend.domain.rule import Mute
from backend.domain.sighting import Sighting, SightingFilter
from backend.notifications.buttons import Pressed, Wish, mark_of, pressed
from backend.notifications.naming import Naming
from backend.notifications.telegram.hearing import Heard, Wording
from backend.storage import audit, channels, mutes, outbox, people, rules, sightings
from backend.storage.database import Database, Transaction
from backend.storage.ids import new_id

logger = logging.getLogger(__name__)

MUTED_FOR = timedelta(hours=1)
IGNORED_FOR = timedelta(days=36_500)
"""A stranger who is to be ignored is so until the mute is removed."""
MOST_VISITS = 30
"""How many visits `/who` tells: more do not fit into one message."""
_UNHEARD_S = 60.0
"""How long nothing more is said in the log of a chat that is not configured."""
_MOST_UNHEARD = 100
"""Of how many such chats anything is said in that time."""
_SIGHTING = re.compile(r"\b[0-9A-HJKMNP-TV-Z]{26}\b")
_HELP = (
    "/who – today's visits\n/last CAMERA – its picture now\n/arm, /disarm – messages on, off\n"
    "Reply to a picture with a name, and the person is known by it from then on."
)


class Conversation(Protocol):
    """How to speak to the people in a chat."""

    def say(self, token: str, chat_id: str, wording: Wording) -> None:
        """Write into a chat."""
        ...

    def username(self, token: str) -> str:
        """By what name a bot is spoken to in a group."""
        ...

    def acknowledge(self, token: str, callback_id: str, text: str) -> None:
        """Tell who pressed a button what came of it."""
        ...


class Cameras(Protocol):
    """The cameras that are watched."""

    def nicknames(self) -> Sequence[str]:
        """What they are called."""
        ...

    def picture(self, nickname: str) -> bytes | None:
        """A camera's picture now, as a JPEG; None where there is no such camera, or no picture of it."""
        ...


class _Unheard:
    """Says in the log who is not obeyed, and not oftener than somebody can read; used by several threads."""

    def __init__(self) -> None:
        self._gate = threading.Lock()
        self._told: dict[str, float] = {}

    def note(self, chat_id: str) -> None:
        """A chat that is not configured has said something."""
        now = time.monotonic()
        with self._gate:
            if now - self._told.get(chat_id, -_UNHEARD_S) < _UNHEARD_S:
                return
            # Anybody can write to a bot, from any number of chats.
            self._told = {chat: at for chat, at in self._told.items() if now - at < _UNHEARD_S}
            if len(self._told) >= _MOST_UNHEARD:
                return
            self._told[chat_id] = now
        logger.warning("Telegram chat %s is not configured: not obeyed.", chat_id)


class Answers:
    """Does what is asked for in the configured chats; used by several threads."""

    def __init__(
        self,
        database: Database,
        naming: Naming,
        conversation: Conversation,
        cameras: Cameras,
        wake: Callable[[], None],
        zone: tzinfo | None,
    ) -> None:
        """Show the pictures of `cameras`; call `wake` when messages may be outdated."""
        self._database = database
        self._naming = naming
        self._conversation = conversation
        self._cameras = cameras
        self._wake = wake
        self._zone = zone
        self._unheard = _Unheard()

    def obey(self, token: str, heard: Heard) -> None:
        """Do what was asked and say what came of it; a chat that is not configured gets no answer."""
        if heard.chat is None:
            return
        known = self._channels(token, heard.chat.chat_id)
        if not known:
            self._unheard.note(heard.chat.chat_id)
            return
        if heard.moved_to is not None:
            with self._database.write() as tx:
                channels.follow_chat(tx, token, heard.chat.chat_id, heard.moved_to)
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
            self._pressed(token, chat_id, heard)
        elif heard.text.startswith("/"):
            said = self._commanded(token, heard)
            if said is not None:
                self._conversation.say(token, chat_id, said)
        else:
            sighting_id = self._meant(heard, known)
            if sighting_id is not None:
                self._conversation.say(
                    token, chat_id, Wording(self._named(sighting_id, heard.text), answers=heard.own_id)
                )

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
        known = f"learned from {_count(learned.looks, 'look')}; {_count(learned.embeddings, 'template')} in all"
        return f"{self._called(learned.person_id)} {begun}: {known}."

    def _pressed(self, token: str, chat_id: str, heard: Heard) -> None:
        wished = pressed(heard.button or "")
        sighting = None if wished is None else self._sighting(wished.sighting_id)
        if wished is None or sighting is None:
            self._acknowledge(token, heard, "That is no longer there.")
        elif wished.wish is Wish.NAME:
            self._acknowledge(token, heard, "Tell the name.")
            question = f"Who is it? Reply to this message with the name. ({sighting.sighting_id})"
            self._conversation.say(token, chat_id, Wording(question, answers=heard.message_id, wants_answer=True))
        else:
            done = self._done(wished, sighting)
            if not self._acknowledge(token, heard, done):
                self._conversation.say(token, chat_id, Wording(done, answers=heard.message_id))

    def _acknowledge(self, token: str, heard: Heard, text: str) -> bool:
        """Tell who pressed a button what came of it; whether it was heard: one who pressed long ago waits no more."""
        try:
            self._conversation.acknowledge(token, heard.callback_id or "", text)
        except DeliveryError as error:
            logger.info("A pressed button could not be acknowledged: %s", error.message)
            return False
        return True

    def _done(self, wished: Pressed, sighting: Sighting) -> str:
        """Do what a button stands for; answers what came of it."""
        try:
            match wished.wish:
                case Wish.DENY if sighting.person_id is not None and wished.named != mark_of(sighting.person_id):
                    return f"It is called {self._called(sighting.person_id)} by now."
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
            _mute(tx, Mute(new_id(), utc_now() + IGNORED_FOR, look=look))
        return "There will be no more messages about strangers who look like this."

    def _muted(self, sighting: Sighting) -> str:
        until = utc_now() + MUTED_FOR
        known = sighting.person_id
        where = sighting.camera_id if known is None else None
        with self._database.write() as tx:
            _mute(tx, Mute(new_id(), until, camera_id=where, person_id=known))
        what = f"About {self._called(known)}" if known is not None else f"From {sighting.camera_nickname}"
        return f"{what} there will be no messages until {until.astimezone(self._zone):%H:%M}."

    def _commanded(self, token: str, heard: Heard) -> Wording | None:
        """What to say to a command; None for one that another bot of the group is given."""
        words, *rest = heard.text.split(maxsplit=1)
        # In groups commands come with the bot's name: /who@face_server_bot.
        command, _, spoken_to = words.partition("@")
        if spoken_to and spoken_to.casefold() != self._conversation.username(token).casefold():
            return None
        text, picture = self._command(command.lower(), rest[0].strip() if rest else "")
        return Wording(text, picture, answers=heard.own_id)

    def _command(self, command: str, argument: str) -> tuple[str, bytes | None]:
        match command:
            case "/who":
                return self._visits(), None
            case "/last":
                return self._last(argument)
            case "/arm" | "/disarm" as wanted:
                return self._armed(armed=wanted == "/arm"), None
            case _:
                return _HELP, None

    def _visits(self) -> str:
        today = SightingFilter(since=start_of_day(utc_now(), self._zone))
        with self._database.read() as tx:
            found = sightings.page(tx, today, None, MOST_VISITS)
            names = people.display_names(tx, (sighting.person_id for sighting in found))
        lines = [
            f"{visit.started_at.astimezone(self._zone):%H:%M} "
            f"{names[visit.person_id] if visit.person_id else 'somebody unknown'} at {visit.camera_nickname}"
            for visit in found
        ]
        return "\n".join(lines) or "Nobody has been here today."

    def _last(self, camera: str) -> tuple[str, bytes | None]:
        known = self._cameras.nicknames()
        if not camera and len(known) == 1:
            camera = known[0]
        picture = self._cameras.picture(camera)
        if picture is not None:
            return f"{camera} now", picture
        if camera.casefold() in (nickname.casefold() for nickname in known):
            return f"The camera {camera} shows no picture now.", None
        missing = f"There is no camera {camera}. " if camera else "Say which camera: /last CAMERA. "
        return missing + (f"There are: {', '.join(known)}." if known else "None is watched."), None

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


def _count(number: int, what: str) -> str:
    return f"{number} {what}" + ("" if number == 1 else "s")


def _mute(tx: Transaction, wanted: Mute) -> None:
    mutes.add(tx, wanted)
    audit.note(tx, Deed.MUTE_ADDED, wanted.mute_id, until=wanted.until.isoformat())
