"""Galleries that are drawn by chance: as large as wanted, and of nobody."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

DIMENSIONS = 128
"""As SFace's."""
SPREAD = 0.65
"""How far a look lies from its person's centre, which makes two looks of one person about 0.7 alike."""
FAR_SPREAD = 1.65
"""As far lies a look that is about 0.5 alike to its person's nearest of five, near the threshold of a large gallery."""
_PORTION = 20_000


@dataclass(frozen=True, slots=True)
class Crowd:
    """People at chance, each with the same number of templates around a centre of their own."""

    people: int
    looks: int
    """Templates of each person."""
    seed: int = 0

    def portions(self) -> Iterator[tuple[int, NDArray[np.float32]]]:
        """All templates, some people at a time: the number of the first, and templates × dimensions."""
        for first in range(0, self.people, _PORTION):
            who = np.arange(first, min(first + _PORTION, self.people))
            yield first, self._looks(np.repeat(who, self.looks), np.random.default_rng((self.seed, 1, first)))

    def probes(self, count: int, spread: float = SPREAD) -> tuple[NDArray[np.float32], NDArray[np.intp]]:
        """Other looks of people drawn at chance, that far from their centres, and who they are."""
        chance = np.random.default_rng((self.seed, 2))
        who = chance.integers(self.people, size=count)
        return self._looks(who, chance, spread), who

    def _looks(
        self, who: NDArray[np.integer], chance: np.random.Generator, spread: float = SPREAD
    ) -> NDArray[np.float32]:
        # A portion of centres is drawn from its own seed: a million of them need not be kept.
        centres = np.empty((len(who), DIMENSIONS), np.float32)
        for first in np.unique(who // _PORTION) * _PORTION:
            drawn = np.random.default_rng((self.seed, 0, int(first))).normal(size=(_PORTION, DIMENSIONS))
            drawn /= np.linalg.norm(drawn, axis=1, keepdims=True)
            theirs = (who >= first) & (who < first + _PORTION)
            centres[theirs] = drawn[who[theirs] - first]
        drawn = centres + spread / np.sqrt(DIMENSIONS) * chance.normal(size=centres.shape)
        return np.asarray(drawn / np.linalg.norm(drawn, axis=1, keepdims=True), np.float32)
