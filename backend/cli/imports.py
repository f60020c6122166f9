"""`import` and `export`: whole folders of photos, and everything of everybody, without a server."""

import zipfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich import progress as bars
from rich.markup import escape
from rich.table import Table

from backend.cli.console import AsJson, err, out, print_reply, titled_table
from backend.cli.local import local_recognition
from backend.container.recognition import intake_of
from backend.domain.errors import InvalidField
from backend.recognition.archive import write_archive
from backend.recognition.compreface_dump import is_dump, photos_in_dump
from backend.recognition.compreface_server import CompreFaceServer
from backend.recognition.imports import Progress
from backend.recognition.intake import Intake
from backend.recognition.photo_trees import photos_in_folder

app = typer.Typer()

Source = Annotated[
    Path | None,
    typer.Argument(
        help="A folder with a folder of photos for each person, that as a zip, an export, or a dump of CompreFace.",
        exists=True,
    ),
]
CompreFaceUrl = Annotated[
    str | None, typer.Option("--compreface", help="The address of a CompreFace, in the place of a source.")
]
ApiKey = Annotated[
    str, typer.Option(help="The key of its recognition service.", envvar="COMPREFACE_API_KEY", show_envvar=True)
]
Target = Annotated[Path, typer.Argument(help="The archive to write; it must not exist.")]


@app.command("import", epilog="Example: face-server import photos")
def import_(
    source: Source = None, compreface: CompreFaceUrl = None, api_key: ApiKey = "", as_json: AsJson = False
) -> None:
    """Enrol the photos of a folder tree, a zip archive or a CompreFace, or take in what `export` wrote elsewhere."""
    if (source is None) == (compreface is None):
        raise InvalidField("source", "Name what to take in: a file or folder, or --compreface with its address.")
    with local_recognition() as recognition, _bar(shown=not as_json) as goes:
        intake = intake_of(recognition)
        done = _taken_in(intake, source, goes) if source else _taken_over(intake, compreface or "", api_key, goes)
    print_reply(asdict(done), as_json, _table(done))
    raise typer.Exit(0 if done.added or not done.refused else 1)


@app.command(epilog="Example: face-server export people.zip")
def export(
    target: Target,
    pictures: Annotated[bool, typer.Option(help="Whether the aligned faces are in it.")] = True,
) -> None:
    """Write all people with their templates into one archive, which `import` takes in elsewhere."""
    with local_recognition() as recognition:
        try:
            file = target.open("xb")
        except OSError as error:
            raise InvalidField("target", f"'{target}' cannot be written: {error.strerror}.") from error
        # Faces are biometric data: for the owner alone, whatever the folder allows.
        target.chmod(0o600)
        with file, err.status("Writing"):
            count = write_archive(recognition.gallery, file, pictures=pictures)
    out.print(f"{count} people are in {escape(str(target))}.")


def _taken_over(intake: Intake, url: str, key: str, goes: Callable[[Progress], bool]) -> Progress:
    with closing(CompreFaceServer(url, key)) as server:
        return intake.photos(server.photos(), goes)


def _taken_in(intake: Intake, source: Path, goes: Callable[[Progress], bool]) -> Progress:
    if source.is_dir():
        return intake.photos(photos_in_folder(source), goes)
    if is_dump(source):
        return intake.photos(photos_in_dump(source), goes)
    try:
        with zipfile.ZipFile(source) as archive:
            return intake.archive(archive, goes)
    except (zipfile.BadZipFile, NotImplementedError) as error:
        raise InvalidField("source", f"'{source}' is no folder, zip archive or dump of a database.") from error


@contextmanager
def _bar(*, shown: bool) -> Iterator[Callable[[Progress], bool]]:
    columns = (
        bars.TextColumn("Taking in"),
        bars.BarColumn(),
        bars.MofNCompleteColumn(),
        bars.TimeRemainingColumn(),
    )
    with bars.Progress(*columns, console=err, transient=True, disable=not shown) as bar:
        task = bar.add_task("", total=None)

        def goes(progress: Progress) -> bool:
            bar.update(task, completed=progress.done, total=progress.total)
            return True

        yield goes


def _table(done: Progress) -> Table:
    title = f"{done.added} templates of {done.people} people are new"
    table = titled_table(title, "File", "Verdict")
    for refusal in done.refusals:
        table.add_row(escape(refusal.name), f"{refusal.code}: {refusal.message}")
    if not done.refused:
        table.add_row(f"all {done.total}", "taken")
    return table
