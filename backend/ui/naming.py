"""What rules, channels, cameras and people are called on the pages that speak of them by id."""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass

from backend.client import FaceServerClient, Missing
from backend.domain.notification import ChannelKind
from backend.schemas.channels import ChannelReply
from backend.schemas.profiles import Profile
from backend.schemas.rules import RuleReply
from backend.ui.profiles import groups_of

KINDS: Mapping[ChannelKind, str] = {
    ChannelKind.TELEGRAM: "Telegram",
    ChannelKind.WEBHOOK: "Webhook",
    ChannelKind.MQTT: "MQTT",
    ChannelKind.APPRISE: "Apprise",
}
KIND_ICONS: Mapping[ChannelKind, str] = {
    ChannelKind.TELEGRAM: ":material/send:",
    ChannelKind.WEBHOOK: ":material/webhook:",
    ChannelKind.MQTT: ":material/hub:",
    ChannelKind.APPRISE: ":material/notifications:",
}


@dataclass(frozen=True, slots=True)
class Names:
    """Names by id; what is gone has none."""

    cameras: Mapping[str, str]
    channels: Mapping[str, str]
    people: Mapping[str, str]
    rules: Mapping[str, str]
    groups: tuple[str, ...]
    """Every group that somebody is in, sorted."""

    def camera(self, camera_id: str) -> str:
        """A camera's nickname."""
        return self.cameras.get(camera_id, "a removed camera")

    def channel(self, channel_id: str) -> str:
        """A channel's name, or whose it is."""
        return self.channels.get(channel_id, "a removed channel")

    def person(self, person_id: str) -> str:
        """What a person is called."""
        return self.people.get(person_id, person_id)


def fetched_names(server: FaceServerClient) -> Names:
    """The names of everything on the server; raises ClientError."""
    cameras = {camera.camera_id: camera.camera_nickname for camera in server.cameras().cameras}
    rules = server.rules().rules
    people = list(server.everybody())
    return Names(
        cameras,
        channel_names(server.channels().channels, rules, cameras),
        {person.person_id: called(person) for person in people},
        {rule.rule_id: rule.name for rule in rules},
        tuple(groups_of(people)),
    )


def channel_names(
    channels: Iterable[ChannelReply], rules: Iterable[RuleReply], cameras: Mapping[str, str]
) -> dict[str, str]:
    """What each channel is called; one without a name is a camera's own, which that camera's rule tells."""
    owners = {
        channel_id: cameras.get(rule.camera_id or "", "a camera")
        for rule in rules
        if rule.of_camera
        for channel_id in rule.channel_ids
    }
    return {
        channel.channel_id: channel.name
        or f"{KINDS[channel.kind]} chat of {owners.get(channel.channel_id, 'a camera')}"
        for channel in channels
    }


def profiles_of(server: FaceServerClient, person_ids: Iterable[str]) -> dict[str, Profile]:
    """What is known of these people, by id, without those who are gone; raises ClientError."""
    found = {}
    for person_id in set(person_ids):
        with suppress(Missing):
            found[person_id] = server.profile(person_id)
    return found


def called(person: Profile) -> str:
    """The display name with the id, or the id alone."""
    return f"{person.display_name} ({person.person_id})" if person.display_name else person.person_id
