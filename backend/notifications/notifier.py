"""The seam to the services that carry messages: one file beside this for each."""

from typing import Protocol

from backend.domain.notification import Channel, Notification, Receipt


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

    def close(self) -> None:
        """Break off what is being sent, whose callers get DeliveryDelayed, and let go of every connection."""
        ...
