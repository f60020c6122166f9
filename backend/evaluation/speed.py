"""How long work takes, measured so that a busy machine is fair: rivals take turns, and turns are compared in pairs."""

import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Span:
    """What one piece of work took."""

    seconds: float
    """By the clock."""
    cpu_seconds: float
    """Of all threads together."""


Work: TypeAlias = Callable[[], Span]
"""Does a piece of work and says what it took."""


def timed(work: Callable[[], object]) -> Span:
    """Do the work in this process, and say what it took; nothing else may run here meanwhile."""
    began, cpu = time.perf_counter(), time.process_time()
    work()
    return Span(time.perf_counter() - began, time.process_time() - cpu)


def in_turns(rivals: Mapping[str, Work], turn: int = 0) -> dict[str, Span]:
    """One turn of each; who begins changes from `turn` to turn, so that none is always the one after another."""
    names = list(rivals)
    first = turn % len(names)
    return {name: rivals[name]() for name in names[first:] + names[:first]}


def ratio(turns: Sequence[Mapping[str, Span]], slow: str, fast: str) -> float:
    """How many times as long `slow` takes as `fast`, by the clock: the median of the turns' own ratios."""
    return statistics.median(turn[slow].seconds / turn[fast].seconds for turn in turns)


def cpu_ratio(turns: Sequence[Mapping[str, Span]], slow: str, fast: str) -> float:
    """The same by the processor's time, of all turns together: a single one's is too short for its clock."""
    return sum(turn[slow].cpu_seconds for turn in turns) / sum(turn[fast].cpu_seconds for turn in turns)


def percentile(values: Sequence[float], percent: float) -> float:
    """The value that so many percent do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(percent / 100 * len(ordered)))]


def peak_mb() -> float | None:
    """The most memory this process ever had in use, in megabytes (2^20 bytes); None where only others would tell."""
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM:")), None)


@contextmanager
def noted(spans: dict[str, Span], step: str) -> Iterator[None]:
    """Keep under `step` what the block took, in this process."""
    began, cpu = time.perf_counter(), time.process_time()
    yield
    spans[step] = Span(time.perf_counter() - began, time.process_time() - cpu)
