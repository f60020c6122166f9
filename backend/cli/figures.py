"""How a benchmark's figures are printed and kept."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import typer
from rich.table import Table

from backend.cli.console import print_reply
from backend.evaluation.figures import Figure, as_fact, machine, write_section

WriteTo: TypeAlias = Annotated[
    Path | None, typer.Option("--write", help="A Markdown page whose section the figures go to.", dir_okay=False)
]


def report(name: str, figures: Sequence[Figure], packages: Sequence[str], as_json: bool, page: Path | None) -> None:
    """Print what a command measured, and write it into its section of `page` if one is named."""
    facts = machine(*packages)
    if page is not None:
        write_section(page, name, facts, figures)
    print_reply({"machine": facts, "figures": [as_fact(figure) for figure in figures]}, as_json, _table(facts, figures))


def _table(facts: dict[str, Any], figures: Sequence[Figure]) -> Table:
    title = f"{facts['processor']}, {facts['cores']} cores, load {facts['load']}"
    table = Table("What", "Measured", "To reach", "", "", title=title, title_justify="left")
    for figure in figures:
        verdict = f"[bold]{figure.verdict}[/bold]" if figure.reached is False else figure.verdict
        table.add_row(figure.what, figure.shown, figure.reach, verdict, figure.detail)
    return table
