"""`models`: what is known, what is there, what is in use, and how far the gallery is made anew."""

from typing import Annotated, Any

import typer
from rich.table import Table

from backend.api.model_list import model_list, stored_progress
from backend.cli.console import AsJson, folding, out, print_reply, whole
from backend.container.database import open_database
from backend.container.models import chosen_models
from backend.settings import load_local_settings
from backend.vision.models import SFACE, YUNET, available

app = typer.Typer()

Fed = Annotated[bool, typer.Option("--fed", help="Show how each embedder is fed, and its thresholds.")]


@app.command(epilog="Example: face-server models")
def models(fed: Fed = False, as_json: AsJson = False) -> None:
    """List the models with their licences, which are here and in use, and who needs new photos after a change."""
    settings = load_local_settings()
    chosen = chosen_models(settings)
    wanted = chosen.embedder or available(SFACE, settings.model_dir)
    detector = chosen.detector or available(YUNET, settings.model_dir)
    with open_database(settings) as database:
        progress = stored_progress(database, wanted.name)
        reply = model_list(database, progress, detector.name, settings.model_dir).model_dump(mode="json")
    print_reply(reply, as_json, _fed_table(reply) if fed else _table(reply))
    if not as_json:
        for sentence in _sentences(reply["gallery"]):
            out.print(sentence, highlight=False, markup=False, soft_wrap=True)


def _table(reply: dict[str, Any]) -> Table:
    table = Table(whole("Model"), *folding("What", "Here", "Licence", "Comes from"))
    for entry in reply["models"]:
        here = "in use" if entry["in_use"] else "yes" if entry["there"] else "no"
        table.add_row(entry["model"], entry["role"], here, entry["licence"], f"{entry['source']} ({entry['file']})")
    return table


def _fed_table(reply: dict[str, Any]) -> Table:
    table = Table(whole("Model"), *folding("Fed with", "Identify", "Margin", "Verify", "Thresholds"))
    for entry in reply["models"]:
        if entry["role"] == "embedder":
            own = entry["thresholds"]
            numbers = (f"{own[name]:g}" for name in ("identify", "margin", "verify"))
            table.add_row(entry["model"], entry["fed"], *numbers, "measured" if own["measured"] else "common use")
    return table


def _sentences(gallery: dict[str, Any]) -> list[str]:
    told = []
    if gallery["model"] != gallery["serving"] or gallery["done"] < gallery["total"]:
        told.append(
            f"{gallery['done']} of {gallery['total']} faces of the gallery are made anew by {gallery['model']}; "
            f"{gallery['serving']} answers. The server goes on with it."
        )
    if gallery["need_new_photos"]:
        people = ", ".join(gallery["need_new_photos"])
        told.append(f"Not known to {gallery['model']}, since no picture of their faces was kept: {people}.")
    return told
