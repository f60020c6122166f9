"""The channels as people configure them, and a real message to try one."""

from collections.abc import Mapping

from backend.domain.audit import Deed
from backend.domain.errors import ChannelNotFound, DeliveryRefused, InvalidField
from backend.domain.notification import Channel, ChannelKind, Notification, Receipt
from backend.notifications.notifier import Notifier
from backend.storage import audit, cameras, channels
from backend.storage.database import Database
from backend.storage.ids import new_id


class ChannelList:
    """Keeps channels; safe to use from any thread."""

    def __init__(self, database: Database, notifiers: Mapping[ChannelKind, Notifier]) -> None:
        """Keep them in `database`, and try them with `notifiers`."""
        self._database = database
        self._notifiers = notifiers

    def channels(self) -> list[Channel]:
        """All channels, the oldest first; a camera's own has no name."""
        with self._database.read() as tx:
            return channels.all_by_age(tx)

    def channel(self, channel_id: str) -> Channel:
        """One channel; raises ChannelNotFound."""
        with self._database.read() as tx:
            found = channels.find(tx, channel_id)
        if found is None:
            raise ChannelNotFound(channel_id)
        return found

    def add(self, kind: ChannelKind, name: str, settings: Mapping[str, str]) -> Channel:
        """Keep a new channel."""
        with self._database.write() as tx:
            channel_id = channels.add(tx, kind, settings, name)
            audit.note(tx, Deed.CHANNEL_ADDED, channel_id, kind=kind, name=name)
        return self.channel(channel_id)

    def change(self, channel_id: str, name: str, settings: Mapping[str, str]) -> Channel:
        """Give a channel another name and settings; its waiting messages go there. Raises ChannelNotFound.

        Raises InvalidField for a camera's own channel, which is changed with the camera.
        """
        self._check_is_nobodys(self.channel(channel_id))
        with self._database.write() as tx:
            channels.rename(tx, channel_id, name)
            channels.change(tx, channel_id, settings)
            audit.note(tx, Deed.CHANNEL_CHANGED, channel_id, name=name)
        return self.channel(channel_id)

    def remove(self, channel_id: str) -> None:
        """Forget a channel; its waiting messages fail. Raises ChannelNotFound, or InvalidField as `change`."""
        channel = self.channel(channel_id)
        self._check_is_nobodys(channel)
        with self._database.write() as tx:
            channels.remove(tx, channel_id)
            audit.note(tx, Deed.CHANNEL_REMOVED, channel_id, name=channel.name)

    def try_out(self, channel_id: str) -> Receipt:
        """Send a real test message and answer what the channel said.

        Raises ChannelNotFound, and DeliveryError where the message was not taken.
        """
        channel = self.channel(channel_id)
        notifier = self._notifiers.get(channel.kind)
        if notifier is None:
            raise DeliveryRefused(f"This server sends nothing by {channel.kind}.")
        text = "A test of Face Server: messages about sightings will arrive here."
        return notifier.send(channel, Notification(text, None, new_id()))

    def _check_is_nobodys(self, channel: Channel) -> None:
        with self._database.read() as tx:
            owner = next((c for c in cameras.all_by_nickname(tx) if c.channel_id == channel.channel_id), None)
        if owner is not None:
            message = f"This channel is part of the camera {owner.nickname}; change that camera."
            raise InvalidField("channel_id", message)
