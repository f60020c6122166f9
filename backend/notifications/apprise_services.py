"""The hundred services that Apprise reaches by an address; the only door to its library."""

import logging
import re
import tempfile
import threading
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from pathlib import Path

from backend.domain.errors import DeliveryDelayed, DeliveryError, DeliveryRefused
from backend.domain.notification import Channel, Digest, Notification, Receipt
from backend.notifications.masking import masked

TIMEOUT_S = 20.0
_STATUS = re.compile(r"error=(\d{3})\b")
"""How the library's plugins report what a service answered."""
_LATER = frozenset({408, 425, 429})
_QUOTED = 300


class AppriseNotifier:
    """Sends by an Apprise address (setting `url`); see Notifier.

    The library blocks and cannot be broken off: each message has a thread, which an end leaves to its own time-out.
    """

    def __init__(self, timeout_s: float = TIMEOUT_S) -> None:
        """Give each message `timeout_s` seconds."""
        # They log addresses, which hold the secrets. Apprise's own log goes on, to nowhere: its answers are made of it.
        for name in ("urllib3", "requests"):
            logging.getLogger(name).setLevel(logging.CRITICAL + 1)
        log = logging.getLogger("apprise")
        log.propagate = False
        log.addHandler(logging.NullHandler())
        self._timeout_s = timeout_s
        self._gate = threading.Lock()
        self._closed = False
        self._underway: set[Future[Receipt]] = set()

    def send(self, channel: Channel, notification: Notification) -> Receipt:
        """Send the text with its picture attached; see Notifier."""
        outcome: Future[Receipt] = Future()
        with self._gate:
            if self._closed:
                raise DeliveryDelayed("The service is stopping.")
            self._underway.add(outcome)
        thread = threading.Thread(target=self._run, args=(channel, notification, outcome), name="apprise", daemon=True)
        try:
            thread.start()
            return outcome.result(self._timeout_s)
        except TimeoutError:
            raise DeliveryDelayed("The service did not answer in time.") from None
        finally:
            with self._gate:
                self._underway.discard(outcome)

    def send_together(self, channel: Channel, digest: Digest) -> Receipt:
        """Send the text with its first picture: many services make a message of each attachment; see Notifier."""
        picture = next((entry.picture for entry in digest.pictured), None)
        return self.send(channel, Notification(digest.text, picture, digest.event_id))

    def close(self) -> None:
        """Have every caller get DeliveryDelayed; see Notifier."""
        with self._gate:
            self._closed = True
            underway = list(self._underway)
        for outcome in underway:
            _fail(outcome, DeliveryDelayed("The service stopped before the channel answered."))

    def _run(self, channel: Channel, notification: Notification, outcome: "Future[Receipt]") -> None:
        try:
            receipt = _send(channel.settings["url"], notification, self._timeout_s)
        except DeliveryError as error:
            _fail(outcome, error)
        except Exception as error:  # noqa: BLE001 - a plugin's mistake is that channel's alone
            _fail(outcome, DeliveryDelayed(f"Apprise failed with an unexpected {type(error).__name__}."))
        else:
            with suppress(InvalidStateError):
                outcome.set_result(receipt)


def _fail(outcome: "Future[Receipt]", error: DeliveryError) -> None:
    # It may have been answered by the other side of a race with `close`.
    with suppress(InvalidStateError):
        outcome.set_exception(error)


def _send(url: str, notification: Notification, timeout_s: float) -> Receipt:
    # Here, for who has no such channel need not wait for it at each start.
    from apprise import Apprise, NotifyFormat

    services = Apprise()
    if not services.add(url):
        raise DeliveryRefused("Apprise does not understand this address.")
    with tempfile.TemporaryDirectory(prefix="face-server-") as folder:
        attached = _attached(Path(folder), notification.picture)
        result = services.notify(
            body=notification.text, body_format=NotifyFormat.TEXT, attach=attached, timeout=timeout_s
        )
        if result:
            return Receipt("The service took it.")
        raise _problem(" ".join(entry.message for entry in result.logs()), url)


def _attached(folder: Path, picture: bytes | None) -> list[str] | None:
    """The picture as a file, which is what the library attaches; None where there is none."""
    if picture is None:
        return None
    path = folder / "sighting.jpg"
    path.write_bytes(picture)
    return [str(path)]


def _problem(log: str, url: str) -> DeliveryError:
    words = masked(log, [url])[:_QUOTED] or "Apprise does not say why."
    found = _STATUS.search(log)
    status = int(found[1]) if found else 0
    if 300 <= status < 500 and status not in _LATER:
        return DeliveryRefused(f"The service refuses: {words}")
    return DeliveryDelayed(f"The service did not take it: {words}")
