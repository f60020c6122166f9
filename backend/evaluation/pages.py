"""The reports of the two evaluations."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from backend.evaluation.comparing import PairScores
from backend.evaluation.describing import Album
from backend.evaluation.plots import det_plot, threshold_plot
from backend.evaluation.report import WORST, Mistake, Report
from backend.evaluation.searching import Answer, SearchResults
from backend.evaluation.trials import OpenSet, Pair

_FMR, _FNMR = "false match rate", "false non-match rate"
_FPIR, _FNIR = "strangers taken for somebody", "people missed"
_PAIRS_INTRODUCTION: Final = (
    "Two photos, one question: are they of one person? Each row is one way to compare. The accuracy of a part of the "
    "pairs is taken at the threshold that is best for all the other parts."
)
_OPENSET_INTRODUCTION: Final = (
    "People are enrolled, and then searched for with other photos of them and with photos of strangers. A person is "
    "missed where somebody else comes first, or where the similarity is below the threshold."
)


def pairs_report(
    results: Mapping[str, PairScores], album: Album, table: Sequence[Sequence[str]], facts: Mapping[str, str]
) -> Report:
    """The report on labelled pairs; the first of the results is the one that the plots and pictures explain."""
    main = next(iter(results.values()))
    curves = [(name, scores.tradeoff()) for name, scores in results.items()]
    return Report(
        title="Face Server: are two photos of one person?",
        introduction=_PAIRS_INTRODUCTION,
        made_at=datetime.now(UTC),
        facts=facts,
        table=table,
        plots=(
            ("Both error rates against each other: the nearer to the lower left corner, the better.",
             det_plot(curves, _FMR, _FNMR)),
            ("What each threshold costs.", threshold_plot(main.tradeoff(), _FMR, _FNMR)),
        ),
        mistakes=(
            ("Two people, most alike", _pair_mistakes(main.worst(same=False, count=WORST))),
            ("One person, least alike", _pair_mistakes(main.worst(same=True, count=WORST))),
        ),
        failures=album.failures,
    )  # fmt: skip


def openset_report(
    results: Mapping[str, SearchResults],
    trial: OpenSet,
    album: Album,
    table: Sequence[Sequence[str]],
    facts: Mapping[str, str],
) -> Report:
    """The report on searches; the first of the results is the one that the plots and pictures explain."""
    main = next(iter(results.values()))
    photos: dict[str, Path] = {}
    for entry in trial.enrolled:
        if entry.photo in album.descriptions:
            photos.setdefault(entry.person_id, entry.photo)
    return Report(
        title="Face Server: who is in the gallery, and who is not?",
        introduction=_OPENSET_INTRODUCTION,
        made_at=datetime.now(UTC),
        facts=facts,
        table=table,
        plots=(
            ("Both error rates against each other: the nearer to the lower left corner, the better.",
             det_plot([(name, found.tradeoff()) for name, found in results.items()], _FPIR, _FNIR)),
            ("What each threshold costs.", threshold_plot(main.tradeoff(), _FPIR, _FNIR)),
        ),
        mistakes=(
            ("Strangers (left) and whom they were taken for", _search_mistakes(main.non_mated, photos)),
            ("People (left) for whom somebody else came first",
             _search_mistakes([answer for answer in main.mated if not answer.right], photos)),
        ),
        failures=album.failures,
    )  # fmt: skip


def _pair_mistakes(worst: Sequence[tuple[Pair, float]]) -> list[Mistake]:
    return [Mistake(pair.left, pair.right, similarity) for pair, similarity in worst]


def _search_mistakes(answers: Sequence[Answer], photos: Mapping[str, Path]) -> list[Mistake]:
    """The answers with the highest similarities, beside the photo that the person was enrolled with."""
    found = [
        Mistake(answer.probe.photo, photos[answer.best.person_id], answer.best.similarity)
        for answer in answers
        if answer.best is not None
    ]
    return sorted(found, key=lambda mistake: -mistake.similarity)[:WORST]
