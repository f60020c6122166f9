"""`import`: a whole folder or archive of photos, without a server."""

import zipfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from backend.cli.console import AsJson, err, local_recognition, print_reply
from backend.container import Recognition
from backend.domain.errors import InvalidField
from backend.recognition import imports
from backend.recognition.photo_trees import PersonPhoto, photos_in_archive, photos_in_folder

app = typer.Typer()

Source = Annotated[
    Path,
    typer.Argument(help="A folder with a folder of photos for each person, or a zip archive of that.", exists=True),
]


@app.command("import", epilog="Example: face-server import photos")
def import_(source: Source, as_json: AsJson = False) -> None:
    """Enrol the photos of a folder tree or zip archive: the folder that a photo lies in names its person."""
    with ExitStack() as stack:
        photos = _photos(source, stack)
        recognition = stack.enter_context(local_recognition())
        done = _imported(recognition, photos, shown=not as_json)
    reply = asdict(done)
    print_reply(reply, as_json, _table(done))
    raise typer.Exit(0 if done.added or not done.refused else 1)


def _photos(source: Path, stack: ExitStack) -> Sequence[PersonPhoto]:
    if source.is_dir():
        return photos_in_folder(source)
    try:
        return photos_in_archive(stack.enter_context(zipfile.ZipFile(source)))
    except (zipfile.BadZipFile, NotImplementedError) as error:
        raise InvalidField("source", f"'{source}' is neither a folder nor a zip archive.") from error


def _imported(recognition: Recognition, photos: Sequence[PersonPhoto], *, shown: bool) -> imports.Progress:
    columns = (TextColumn("Enrolling"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=err, transient=True, disable=not shown) as bar:
        task = bar.add_task("photos", total=len(photos))

        def goes(progress: imports.Progress) -> bool:
            bar.update(task, completed=progress.done)
            return True

        most = recognition.limits.max_bytes
        return imports.import_photos(recognition.enroller, photos, most, goes)


def _table(done: imports.Progress) -> Table:
    title = f"{done.added} of {done.total} photos taken, of {done.people} people"
    table = Table("Photo", "Verdict", title=title, title_justify="left")
    for refusal in done.refusals:
        table.add_row(escape(refusal.name), f"{refusal.code}: {refusal.message}")
    if not done.refused:
        table.add_row("all photos", "taken")
    return table
