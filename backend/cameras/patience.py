"""How long a camera is waited for, and how long it is left alone after a failure: pure."""

import random
from dataclasses import dataclass

from backend.domain.errors import StreamError, StreamUnauthorised


@dataclass(frozen=True, slots=True)
class Patience:
    """The waiting times of a camera, in seconds."""

    first_delay: float = 1.0
    """Before the second attempt to connect; each further one waits twice as long, …"""
    longest_delay: float = 30.0
    """… up to this."""
    refused_delay: float = 300.0
    """Wrong credentials do not get better by hammering, and cameras lock out those who try."""
    good_after: float = 60.0
    """Pictures for this long make earlier failures forgotten."""
    frozen_after: float = 60.0
    """A picture that is the same in every pixel for this long comes from a camera that hangs: real ones carry noise."""
    longest_frozen: float = 1800.0
    """The most that `frozen_after` grows to where connecting anew brings the same picture: a privacy mask, perhaps."""
    undecodable_after: float = 20.0
    """Data without a picture for this long: another codec than announced, or keyframes that never come."""


USUAL_PATIENCE = Patience()


class Backoff:
    """Counts failures and says how long to wait after each; used by one thread."""

    def __init__(self, patience: Patience) -> None:
        """Begin without a failure."""
        self._patience = patience
        self._failures = 0

    def delay(self, error: StreamError, pictures_for: float) -> float:
        """Seconds to wait after `error`, which ended a connection that had sent pictures for so many seconds."""
        if pictures_for >= self._patience.good_after:
            self._failures = 0
        self._failures += 1
        if isinstance(error, StreamUnauthorised):
            return self._patience.refused_delay
        # The exponent is bounded, for a camera that is gone for years would overflow it.
        doubled: float = self._patience.first_delay * 2.0 ** min(self._failures - 1, 30)
        # With jitter, so that cameras behind one switch do not all come back at once.
        return min(doubled, self._patience.longest_delay) * random.uniform(0.5, 1.0)  # noqa: S311  # guards nothing
