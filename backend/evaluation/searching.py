"""Searches of a gallery by people who are in it and by strangers: who is missed, and who is taken for somebody else."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from backend.domain.face import Face
from backend.domain.identity import Candidate
from backend.evaluation import metrics
from backend.evaluation.describing import Album
from backend.evaluation.metrics import Floats, Tradeoff
from backend.evaluation.trials import Labelled, OpenSet
from backend.gallery.index import MakeIndex, TemplateIndex
from backend.recognition.decision import CLOSE


@dataclass(frozen=True, slots=True)
class Method:
    """A way to recognise people."""

    name: str
    enrolling: str
    """The pipeline that describes the gallery's photos."""
    searching: str
    """The pipeline that describes the photos that are searched with."""
    make_index: MakeIndex
    glancing: str | None = None
    """The pipeline that looks first; `searching` then looks only where that leaves it close, as `Identifier` does."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a search found: the most alike person, None where the gallery is empty or the photo shows no face."""

    probe: Labelled
    best: Candidate | None
    quality: float = float("-inf")
    """Of the face that was searched with; minus infinity where the photo shows none."""

    @property
    def right(self) -> bool:
        """Whether the most alike person is the one on the photo."""
        return self.best is not None and self.best.person_id == self.probe.person_id


@dataclass(frozen=True, slots=True, eq=False)
class SearchResults:
    """The answers to all searches of an open-set trial."""

    mated: Sequence[Answer]
    non_mated: Sequence[Answer]

    @property
    def mate_scores(self) -> Floats:
        """Of each mated search, the score its person is found with; minus infinity where somebody else comes first.

        A search whose photo shows no face, or whose person could not be enrolled, has failed: minus infinity too.
        """
        return np.array([answer.best.similarity if answer.best and answer.right else -np.inf for answer in self.mated])

    @property
    def stranger_scores(self) -> Floats:
        """The best score of each non-mated search; photos without a face could not have been taken for anybody."""
        return np.array([answer.best.similarity for answer in self.non_mated if answer.best is not None])

    @property
    def rank1(self) -> float:
        """The share of the mated searches whose most alike person is the right one, whatever the similarity."""
        return float(np.mean([answer.right for answer in self.mated])) if self.mated else float("nan")

    def threshold_at(self, fpir: float) -> float:
        """The lowest threshold at which no more than that share of strangers is taken for somebody."""
        return metrics.threshold_at(self.stranger_scores, fpir)

    def fnir_at(self, fpir: float) -> float:
        """The share of the mated searches that misses its person at that threshold."""
        return metrics.fnmr(self.mate_scores, self.threshold_at(fpir))

    def fnir_of_best(self, fpir: float, discarded: float) -> float:
        """The share of misses at that threshold, without the mated searches of the poorest quality."""
        qualities = [answer.quality for answer in self.mated]
        return metrics.fnmr_of_best(self.mate_scores, qualities, self.threshold_at(fpir), discarded)

    def fnir(self, threshold: float) -> float:
        """The share of the mated searches that misses its person at a threshold."""
        return metrics.fnmr(self.mate_scores, threshold)

    def fpir(self, threshold: float) -> float:
        """The share of strangers that is taken for somebody at a threshold."""
        return metrics.fmr(self.stranger_scores, threshold)

    def tradeoff(self) -> Tradeoff:
        """Both error rates at every threshold."""
        return metrics.tradeoff(self.mate_scores, self.stranger_scores)


def search_all(trial: OpenSet, album: Album, method: Method) -> SearchResults:
    """Enrol and search as the method does."""
    index = method.make_index(
        (entry.person_id, face.template.embedding)
        for entry in trial.enrolled
        if (face := album.face(entry.photo, method.enrolling)) is not None
    )
    mated, non_mated = (
        [_answer(probe, album, method, index) for probe in probes] for probes in (trial.mated, trial.non_mated)
    )
    return SearchResults(mated, non_mated)


def _answer(probe: Labelled, album: Album, method: Method, index: TemplateIndex) -> Answer:
    face = album.face(probe.photo, method.searching)
    if face is None:
        return Answer(probe, None)
    best = _best(index, face)
    glance = album.face(probe.photo, method.glancing) if method.glancing else None
    if glance is not None and best is not None:
        best = _as_close_as(best, _best(index, glance))
    return Answer(probe, best, face.quality.score)


def _best(index: TemplateIndex, face: Face) -> Candidate | None:
    found = index.search(face.template.embedding, 1)
    return found[0] if found else None


def _as_close_as(best: Candidate, first: Candidate | None) -> Candidate:
    """What stands for both looks at every threshold: the second one counts only as far as the first leaves it close.

    At a threshold `t` the first look decides alone where it is `CLOSE` to `t` or further. The second look's similarity,
    kept within `CLOSE` of the first's, is on the same side of every `t`.
    """
    if first is None:
        return best
    return replace(best, similarity=min(max(best.similarity, first.similarity - CLOSE), first.similarity + CLOSE))
