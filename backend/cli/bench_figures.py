"""What benchmarks measure, against what is to be reached, and on which machine."""

import os
import platform
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.table import Table

from backend.vision.cores import usable_cores


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure, and what it is to reach."""

    what: str
    value: float | None
    """None where it was not measured."""
    unit: str
    reach: str = ""
    reached: bool | None = None
    detail: str = ""


def at_most(what: str, value: float, unit: str, most: float | None, detail: str = "") -> Figure:
    """A figure that is to be no more than `most`, if there is such a goal."""
    if most is None:
        return Figure(what, value, unit, detail=detail)
    return Figure(what, value, unit, f"≤ {most:g}", value <= most, detail)


def at_least(what: str, value: float, unit: str, least: float | None, detail: str = "") -> Figure:
    """A figure that is to be no less than `least`, if there is such a goal."""
    if least is None:
        return Figure(what, value, unit, detail=detail)
    return Figure(what, value, unit, f"≥ {least:g}", value >= least, detail)


def machine() -> dict[str, Any]:
    """What was measured on."""
    return {
        "processor": _processor(),
        "cores": usable_cores(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "load": round(os.getloadavg()[0], 2),
    }


def _processor() -> str:
    """The processor's name, where the system tells."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or platform.machine())


def as_fact(figure: Figure) -> dict[str, Any]:
    """A figure for programs."""
    return asdict(figure) | {"value": None if figure.value is None else round(figure.value, 3)}


def table(reply: dict[str, Any]) -> Table:
    """All figures for people."""
    machine = reply["machine"]
    title = f"{machine['processor']}, {machine['cores']} cores, load {machine['load']}"
    table = Table("What", "Measured", "To reach", "", "", title=title, title_justify="left")
    verdicts = {True: "reached", False: "[bold]missed[/bold]", None: ""}
    for figure in reply["figures"]:
        value = "–" if figure["value"] is None else f"{figure['value']:.2f} {figure['unit']}"
        table.add_row(figure["what"], value, figure["reach"], verdicts[figure["reached"]], figure["detail"])
    return table
