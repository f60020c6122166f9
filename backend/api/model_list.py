"""The models as they are listed: in the catalogue, there, and in use."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from backend.recognition.reembedding import Progress, counted
from backend.schemas.models import ModelEntry, ModelList, ModelThresholds, Reembedding
from backend.storage import reembedding
from backend.storage.database import Database
from backend.vision.catalogue import DETECTORS, EMBEDDERS
from backend.vision.models import EmbedderFile, ModelFile, is_there
from backend.vision.own_files import embedder_named


def model_list(database: Database, progress: Progress, detector: str, model_dir: Path | None) -> ModelList:
    """Every model with what a person must know of it; `detector` is the id of the one in use."""
    with database.read() as tx:
        lost = reembedding.lost_people(tx, progress.model)
    in_use, loaded = {progress.serving, detector}, {progress.model, progress.serving, detector}
    return ModelList(
        models=[
            _entry(file, file.name in in_use, file.name in loaded or is_there(file, model_dir))
            for file in _files({progress.model, progress.serving})
        ],
        gallery=Reembedding(
            model=progress.model,
            serving=progress.serving,
            done=progress.done,
            total=progress.total,
            without_face=progress.without_face,
            need_new_photos=lost,
        ),
    )


def stored_progress(database: Database, wanted: str) -> Progress:
    """How far the gallery is made anew, as the database has it: for where no server is asked."""
    with database.read() as tx:
        serving = reembedding.serving_model(tx) or wanted
    return counted(database, wanted, serving)


def _files(wanted: Iterable[str]) -> Iterator[ModelFile]:
    yield from EMBEDDERS
    own = sorted(name for name in wanted if name not in {known.name for known in EMBEDDERS})
    yield from filter(None, map(embedder_named, own))
    yield from DETECTORS


def _entry(file: ModelFile, in_use: bool, there: bool) -> ModelEntry:
    common = {
        "model": file.name,
        "licence": file.licence,
        "source": file.source,
        "file": file.file_name,
        "there": there,
        "in_use": in_use,
    }
    if not isinstance(file, EmbedderFile):
        return ModelEntry(role="detector", **common)
    own = file.thresholds
    thresholds = ModelThresholds(identify=own.identify, margin=own.margin, verify=own.verify, measured=own.is_measured)
    return ModelEntry(role="embedder", fed=str(file.convention), thresholds=thresholds, **common)
