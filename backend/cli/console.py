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


def whole(head: str) -> Column:
    """A column of ids, which are copied: it is not broken as long as others can give way."""
    return Column(head, overflow="fold", no_wrap=True)


def folding(*heads: str) -> list[Column]:
    """Columns in which what is too long is broken and not cut off: a name or a file is there to be typed on."""
    return [Column(head, overflow="fold") for head in heads]


def titled_table(title: str, *heads: str, show_header: bool = True) -> Table:
    """A table below a title, which a narrower one would break into several lines."""
    return Table(
        *folding(*heads), title=title, title_justify="left", show_header=show_header, min_width=cell_len(title)
    )


def print_reply(reply: object, as_json: bool, table: Table) -> None:
    """Print an answer for programs or for people."""
    if as_json:
        out.print_json(json.dumps(reply))
    else:
        out.print(table)
