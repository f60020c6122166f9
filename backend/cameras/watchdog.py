"""Notices a camera that sends and yet shows nothing: pure."""

from backend.cameras.patience import Patience
from backend.domain.errors import StreamTimeout, StreamUnreadable


class Watchdog:
    """Watches one camera's pictures over all its connections; used by one thread. Moments are monotonic seconds."""

    def __init__(self, patience: Patience) -> None:
        """Watch for a picture that never changes and for data that are no pictures."""
        self._patience = patience
        self._frozen_after = patience.frozen_after
        self._fingerprint: int | None = None
        self._changed: float | None = None
        self._pictured: float | None = None
        self._is_first = True

    def begin(self) -> None:
        """A new connection begins."""
        self._changed = self._pictured = None
        self._is_first = True

    def see_data(self, moment: float) -> None:
        """Something arrived; raises StreamUnreadable where for long nothing of it could be decoded."""
        if self._pictured is None:
            self._pictured = moment
        if moment - self._pictured > self._patience.undecodable_after:
            raise StreamUnreadable("The camera sends data that cannot be decoded.")

    def see_decoded(self, moment: float) -> None:
        """A picture was decoded, a damaged one perhaps."""
        self._pictured = moment

    def see_picture(self, fingerprint: int, moment: float) -> None:
        """An undamaged picture was decoded; raises StreamTimeout where it has been the same for too long."""
        if self._changed is None or fingerprint != self._fingerprint:
            self._changed = moment
        if fingerprint != self._fingerprint:
            self._fingerprint = fingerprint
            if not self._is_first:
                self._frozen_after = self._patience.frozen_after
        self._is_first = False
        if moment - self._changed > self._frozen_after:
            # The next connection is given longer, for the scene may be as it looks: a lens cap, a privacy mask.
            self._frozen_after = min(2 * self._frozen_after, self._patience.longest_frozen)
            raise StreamTimeout("The camera repeats one picture.")
