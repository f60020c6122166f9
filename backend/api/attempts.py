"""Who guesses tokens is slowed down: so many failures a minute from one address, and then none is looked at."""

import time
from collections import OrderedDict, deque
from collections.abc import Callable
from ipaddress import IPv6Address, ip_address, ip_network

WINDOW_SECONDS = 60.0
MOST_ADDRESSES = 10_000
"""How many addresses are remembered: about 5 MB. Beyond that the one that has been quiet longest is forgotten."""


class FailedAttempts:
    """When which address failed in the last minute; for one thread."""

    def __init__(self, most: int, clock: Callable[[], float] = time.monotonic) -> None:
        """Allow `most` failures in a minute; 0 for any number."""
        self._most = most
        self._clock = clock
        self._failures: OrderedDict[str, deque[float]] = OrderedDict()

    def note(self, address: str) -> None:
        """Count a failure."""
        if self._most == 0:
            return
        place = _place(address)
        self._failures.setdefault(place, deque(maxlen=self._most)).append(self._clock())
        self._failures.move_to_end(place)
        if len(self._failures) > MOST_ADDRESSES:
            self._failures.popitem(last=False)

    def seconds_to_wait(self, address: str) -> float:
        """How long an address must wait for its next attempt; 0 where it need not."""
        failures = self._failures.get(_place(address))
        if failures is None or len(failures) < self._most:
            return 0.0
        return max(0.0, failures[0] + WINDOW_SECONDS - self._clock())


def _place(address: str) -> str:
    """What counts as one address: of IPv6 the network of 64 bits, all of which one household or host is given."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if not isinstance(parsed, IPv6Address):
        return address
    return str(parsed.ipv4_mapped or ip_network((parsed, 64), strict=False))
