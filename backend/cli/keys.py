"""`key create`, `key list`, `key revoke`: who may use the API, without a server and beside a running one."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer
from pydantic import ValidationError
from rich.markup import escape
from rich.table import Table

from backend.api.replies import key_reply
from backend.cli.console import AsJson, err, folding, print_reply, titled_table, whole
from backend.container.database import open_database
from backend.domain.access import Scope
from backend.domain.errors import InvalidField, KeyNotFound
from backend.schemas.keys import KeyMade, KeyRequest
from backend.settings import load_local_settings
from backend.storage import api_keys

MOST_LISTED = 1000

app = typer.Typer()
key = typer.Typer(help="API keys: who may use the API, and for what.", no_args_is_help=True)
app.add_typer(key, name="key")

Scopes = Annotated[list[Scope], typer.Option("--scope", help="What it may be used for; give it once or more.")]
Days = Annotated[
    int | None, typer.Option("--days", help="How long it is good for; for ever without.", min=1, max=36_500)
]


@key.command(epilog="Example: face-server key create nas --scope read --days 90")
def create(
    name: Annotated[str, typer.Argument(help="Who or what uses it.")],
    scopes: Scopes,
    days: Days = None,
    as_json: AsJson = False,
) -> None:
    """Make a key and show it, this once."""
    wanted = _wanted(name, scopes, None if days is None else datetime.now(UTC) + timedelta(days=days))
    with open_database(load_local_settings()) as database, database.write() as tx:
        made = api_keys.add(tx, wanted.name, wanted.scopes, wanted.expires_at)
    reply = KeyMade(**dict(key_reply(made.key)), key=made.secret).model_dump(mode="json")
    print_reply(reply, as_json, _made_table(reply))
    if not as_json:
        err.print("Keep the key now: it is not shown again.", highlight=False)


@key.command("list", epilog="Example: face-server key list")
def list_keys(as_json: AsJson = False) -> None:
    """List the keys, newest first, the revoked ones too."""
    with open_database(load_local_settings()) as database, database.read() as tx:
        found = api_keys.page(tx, None, MOST_LISTED)
    replies = [key_reply(entry).model_dump(mode="json") for entry in found]
    print_reply(replies, as_json, _table(replies))


@key.command(epilog="Example: face-server key revoke 01M82FT3N4T9B5WJ1V8X7C6D5E")
def revoke(
    key_id: Annotated[str, typer.Argument(help="The id that `key list` shows.")], as_json: AsJson = False
) -> None:
    """Have a key open nothing any more, from now on."""
    with open_database(load_local_settings()) as database, database.write() as tx:
        revoked = api_keys.revoke(tx, key_id)
        if revoked is None:
            raise KeyNotFound(key_id)
    reply = key_reply(revoked).model_dump(mode="json")
    print_reply(reply, as_json, _table([reply]))


def _wanted(name: str, scopes: list[Scope], expires_at: datetime | None) -> KeyRequest:
    try:
        return KeyRequest(name=name, scopes=list(dict.fromkeys(scopes)), expires_at=expires_at)
    except ValidationError as error:
        fault = error.errors()[0]
        field = str(fault["loc"][0])
        raise InvalidField(field, f"{field}: {fault['msg'].removeprefix('Value error, ')}.") from None


def _made_table(reply: dict[str, Any]) -> Table:
    table = titled_table(f"A key for {escape(reply['name'])}", "", "", show_header=False)
    table.add_row("id", reply["key_id"])
    table.add_row("key", reply["key"])
    table.add_row("scopes", ", ".join(reply["scopes"]))
    table.add_row("expires", reply["expires_at"] or "never")
    return table


def _table(replies: list[dict[str, Any]]) -> Table:
    table = Table(whole("Id"), *folding("Name", "Scopes", "State", "Last used"))
    for reply in replies:
        used = (reply["last_used_at"] or "never")[:16].replace("T", " ")
        table.add_row(reply["key_id"], escape(reply["name"]), ", ".join(reply["scopes"]), reply["state"], used)
    return table
