"""The one deadline of a shutdown."""

import time

STOP_SECONDS = 4.5
"""How long everything together may take to end at shutdown; what is not sent then is sent after the next start."""
LETTING_GO_SECONDS = 1.5
"""The last part of that, kept for connections: by then what is to be written is written."""
TELLING_SECONDS = 0.5
"""How long is waited for a broker that is just being told of the cameras: there is nothing in it to lose."""


class Ending:
    """The one deadline of a shutdown, begun by whatever ends first and shared by all that end after it."""

    def __init__(self, seconds: float = STOP_SECONDS) -> None:
        """Give all of them together that many seconds."""
        self._seconds = seconds
        self._deadline: float | None = None

    def left(self, kept_back: float = 0.0) -> float:
        """How many seconds are left, without the last `kept_back`; the first call begins to count."""
        now = time.monotonic()
        if self._deadline is None:
            self._deadline = now + self._seconds
        return max(0.0, self._deadline - kept_back - now)

    def left_for_work(self) -> float:
        """How many seconds are left for what may be lost if it is not waited for."""
        return self.left(LETTING_GO_SECONDS)
