"""Where the commands print, and how."""

import json
from typing import Annotated

import typer
from rich.cells import cell_len
from rich.console import Console
from rich.table import Column, Table

out = Console()
err = Console(stderr=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


def titled_table(title: str, *heads: str | Column, show_header: bool = True) -> Table:
    """A table below a title, which a narrower one would break into several lines."""
    return Table(*heads, title=title, title_justify="left", show_header=show_header, min_width=cell_len(title))


def print_reply(reply: object, as_json: bool, table: Table) -> None:
    """Print an answer for programs or for people."""
    if as_json:
        out.print_json(json.dumps(reply))
    else:
        out.print(table)
