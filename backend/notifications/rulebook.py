"""The rules, mutes and arming as people write them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from backend.domain.audit import Deed
from backend.domain.errors import InvalidField, MuteNotFound, RuleNotFound
from backend.domain.rule import Mute, Rule
from backend.notifications.routing import camera_rule
from backend.notifications.wording import sentence
from backend.storage import audit, cameras, channels, mutes, rules
from backend.storage.database import Database, Transaction


@dataclass(frozen=True, slots=True)
class WrittenRule:
    """A rule with its sentence."""

    rule: Rule
    sentence: str
    of_camera: bool
    """Whether it stands for a camera's own fields, and is changed there."""


class Rulebook:
    """Keeps rules and mutes; safe to use from any thread."""

    def __init__(self, database: Database) -> None:
        """Keep them in `database`."""
        self._database = database

    def rules(self) -> list[WrittenRule]:
        """Every rule: the cameras' own first, then those that people wrote, the oldest first."""
        with self._database.read() as tx:
            watched = cameras.all_by_nickname(tx)
            known = channels.all_by_age(tx)
            written = rules.all_by_age(tx)
        own = [rule for rule in map(camera_rule, watched) if rule is not None]
        camera_names = {camera.camera_id: camera.nickname for camera in watched}
        channel_names = {channel.channel_id: channel.name or "its Telegram chat" for channel in known}
        return [
            WrittenRule(rule, sentence(rule, camera_names, channel_names), of_camera=rule in own)
            for rule in (*own, *written)
        ]

    def rule(self, rule_id: str) -> WrittenRule:
        """One rule with its sentence; raises RuleNotFound."""
        found = next((written for written in self.rules() if written.rule.rule_id == rule_id), None)
        if found is None:
            raise RuleNotFound(rule_id)
        return found

    def add(self, rule: Rule) -> WrittenRule:
        """Keep a new rule; raises InvalidField where it names a channel or camera that is not there."""
        with self._database.write() as tx:
            _check(tx, rule)
            rules.add(tx, rule)
            audit.note(tx, Deed.RULE_ADDED, rule.rule_id, name=rule.name)
        return self.rule(rule.rule_id)

    def change(self, rule: Rule) -> WrittenRule:
        """Replace a rule of the same id; raises RuleNotFound, or InvalidField as `add`."""
        with self._database.write() as tx:
            if rules.find(tx, rule.rule_id) is None:
                raise RuleNotFound(rule.rule_id)
            _check(tx, rule)
            rules.change(tx, rule)
            audit.note(tx, Deed.RULE_CHANGED, rule.rule_id, name=rule.name)
        return self.rule(rule.rule_id)

    def remove(self, rule_id: str) -> None:
        """Forget a rule; raises RuleNotFound, also for a camera's own."""
        with self._database.write() as tx:
            rule = rules.find(tx, rule_id)
            if rule is None or not rules.remove(tx, rule_id):
                raise RuleNotFound(rule_id)
            channels.remove_unused(tx)
            audit.note(tx, Deed.RULE_REMOVED, rule_id, name=rule.name)

    def mutes(self) -> Sequence[Mute]:
        """What is muted now, the oldest first."""
        with self._database.read() as tx:
            return mutes.lasting(tx, datetime.now(UTC))

    def mute(self, mute: Mute) -> None:
        """Be silent until a time; what is muted no longer is forgotten."""
        with self._database.write() as tx:
            mutes.remove_past(tx, datetime.now(UTC))
            mutes.add(tx, mute)
            audit.note(tx, Deed.MUTE_ADDED, mute.mute_id, until=mute.until.isoformat())

    def unmute(self, mute_id: str) -> None:
        """End a mute early; raises MuteNotFound."""
        with self._database.write() as tx:
            if not mutes.remove(tx, mute_id):
                raise MuteNotFound(mute_id)
            audit.note(tx, Deed.MUTE_REMOVED, mute_id)

    def is_armed(self) -> bool:
        """Whether the rules that count only while armed do count."""
        with self._database.read() as tx:
            return rules.is_armed(tx)

    def arm(self, *, armed: bool) -> None:
        """Arm or disarm."""
        with self._database.write() as tx:
            rules.arm(tx, armed=armed)
            audit.note(tx, Deed.ARMING_CHANGED, "arming", armed=armed)


def _check(tx: Transaction, rule: Rule) -> None:
    for channel_id in rule.channel_ids:
        if channels.find(tx, channel_id) is None:
            raise InvalidField("channel_ids", f"There is no channel '{channel_id}'.")
    watched = {camera.camera_id for camera in cameras.all_by_nickname(tx)}
    if rule.camera_id is not None and rule.camera_id not in watched:
        raise InvalidField("camera_id", f"No camera '{rule.camera_id}' is scheduled.")
