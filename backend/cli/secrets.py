"""`forget-secrets`: the way on for whoever has lost the key of the data folder."""

from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from backend.cli.console import AsJson, out, print_reply, titled_table
from backend.container.database import open_without_the_key
from backend.settings import load_local_settings
from backend.storage import data_folder, unreadable
from backend.storage.unreadable import Unreadable

app = typer.Typer()


@app.command("forget-secrets", epilog="Example: face-server forget-secrets --apply")
def forget_secrets(
    apply: Annotated[bool, typer.Option("--apply", help="Forget them; without it they are only listed.")] = False,
    as_json: AsJson = False,
) -> None:
    """List the cameras and channels that cannot be read without the lost secret.key, and forget them if told to."""
    settings = load_local_settings()
    data_folder.prepare(settings.data_dir)
    with data_folder.held(settings.data_dir), open_without_the_key(settings) as database, database.write() as tx:
        lost = unreadable.find(tx)
        if apply:
            unreadable.forget(tx, lost)
    print_reply(
        {"cameras": list(lost.cameras.values()), "channels": list(lost.channels.values())}, as_json, _table(lost)
    )
    if not as_json:
        out.print(_what_now(lost, applied=apply), highlight=False, soft_wrap=True)


def _table(lost: Unreadable) -> Table:
    title = f"{len(lost.cameras)} cameras and {len(lost.channels)} channels cannot be read"
    table = titled_table(title, "What", "Name")
    for nickname in lost.cameras.values():
        table.add_row("camera", escape(nickname))
    for name in lost.channels.values():
        table.add_row("channel", "a camera's own" if name is None else escape(name))
    return table


def _what_now(lost: Unreadable, *, applied: bool) -> str:
    if not lost.cameras and not lost.channels:
        return "Nothing is to be forgotten."
    if applied:
        return "Forgotten. The server starts again; enter them anew, and choose them in the rules that named them."
    return "Nothing is changed. Put secret.key or SECRET_KEY back as it was, or forget these for good with --apply."
