"""The seam to the services that carry messages: one file beside this for each."""

from typing import Protocol, runtime_checkable

from backend.domain.notification import Channel, Digest, Notification, Receipt


class Notifier(Protocol):
    """Sends messages to the channels of one kind; safe to use from any thread.

    What is raised names no secret: its text is stored, logged and shown.
    """

    def send(self, channel: Channel, notification: Notification) -> Receipt:
        """Send a message once, within some 20 seconds; answers what the channel said.

        Raises DeliveryDelayed where another attempt may succeed (also if it is unknown whether this one did), and
        DeliveryRefused where it cannot, as long as the channel's settings stay as they are.
        """
        ...

    def send_together(self, channel: Channel, digest: Digest) -> Receipt:
        """Send a burst's messages as one, in the way that fits the service; answers and raises as `send`."""
        ...

    def close(self) -> None:
        """Break off what is being sent, whose callers get DeliveryDelayed, and let go of every connection."""
        ...


@runtime_checkable
class EditingNotifier(Notifier, Protocol):
    """A notifier whose messages can be changed after they were sent."""

    def edit(self, channel: Channel, reference: str, notification: Notification) -> None:
        """Have the message that a receipt referred to show something else; raises as `send`."""
        ...
