"""Figures of a benchmark: what was measured, what it is to reach, and on which machine; for tables, JSON and pages."""

import os
import platform
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from backend.vision.cores import usable_cores


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure, and what it is to reach."""

    what: str
    value: float | None
    """None where it was not measured."""
    unit: str = ""
    reach: str = ""
    """What it is to reach, in words; empty where there is no goal."""
    reached: bool | None = None
    detail: str = ""

    @property
    def shown(self) -> str:
        """The value with its unit, for people."""
        return "–" if self.value is None else f"{self.value:.4g} {self.unit}".rstrip()

    @property
    def verdict(self) -> str:
        """Whether the goal was reached, in a word; empty where there is none."""
        return {True: "reached", False: "missed", None: ""}[self.reached]


def at_most(what: str, value: float, unit: str, most: float | None, detail: str = "") -> Figure:
    """A figure that is good when it is low; `most` is its goal, if it has one."""
    if most is None:
        return Figure(what, value, unit, detail=detail)
    return Figure(what, value, unit, f"≤ {most:g}", value <= most, detail)


def at_least(what: str, value: float, unit: str, least: float | None, detail: str = "") -> Figure:
    """A figure that is good when it is high; `least` is its goal, if it has one."""
    if least is None:
        return Figure(what, value, unit, detail=detail)
    return Figure(what, value, unit, f"≥ {least:g}", value >= least, detail)


def machine(*packages: str) -> dict[str, Any]:
    """What the figures were measured on, with the versions of some packages."""
    return {
        "processor": _processor(),
        "cores": usable_cores(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "load": round(os.getloadavg()[0], 2),
        "versions": {package: version(package) for package in ("face-server", *packages)},
    }


def as_fact(figure: Figure) -> dict[str, Any]:
    """The figure for JSON."""
    return asdict(figure) | {"value": None if figure.value is None else round(figure.value, 4)}


def write_section(page: Path, name: str, facts: Mapping[str, Any], figures: Sequence[Figure]) -> None:
    """Put the figures into their section of a Markdown page, in the place of the former ones or at the page's end."""
    begin, end = f"<!-- {name}: written by `face-server {name}` -->", f"<!-- end of {name} -->"
    section = f"{begin}\n\n{_markdown(facts, figures)}\n\n{end}"
    text = page.read_text(encoding="utf-8") if page.exists() else ""
    pattern = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
    if pattern.search(text):
        text = pattern.sub(lambda _: section, text)
    else:
        text = f"{text.rstrip()}\n\n## {name}\n\n{section}\n".lstrip()
    page.write_text(text, encoding="utf-8")


def _markdown(facts: Mapping[str, Any], figures: Sequence[Figure]) -> str:
    versions = ", ".join(f"{package} {number}" for package, number in facts["versions"].items())
    where = f"{facts['processor']}, {facts['cores']} cores, {facts['system']}, Python {facts['python']}, {versions}"
    rows = [
        ("what", "measured", "to reach", "", "more"),
        ("---",) * 5,
        *((figure.what, figure.shown, figure.reach, figure.verdict, figure.detail) for figure in figures),
    ]
    table = "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows)
    return f"{where}; load {facts['load']} at the end.\n\n{table}"


def _processor() -> str:
    """The processor's name, where the system tells."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or platform.machine())
