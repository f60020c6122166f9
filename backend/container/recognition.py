"""Enrolling and identifying by one model or the other, over the gallery in the database."""

import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from backend.cameras.arenas import share_arenas
from backend.container.database import open_database
from backend.container.ending import Ending
from backend.container.models import chosen_models, load_models, runtime_of, thresholds_of
from backend.domain.errors import ModelError
from backend.domain.geometry import RgbImage
from backend.domain.meter import NO_METER, Meter, Stage, timed
from backend.gallery.cohort import CohortAdjustedIndex
from backend.gallery.gallery import Gallery
from backend.gallery.index import ExactIndex, MakeIndex
from backend.gallery.shelf import Limit, Shelf
from backend.recognition.decision import DecisionRule
from backend.recognition.enrol import Enroller, EnrolmentRule
from backend.recognition.identify import Identifier
from backend.recognition.intake import Intake
from backend.recognition.seen_again import SeenAgain
from backend.recognition.verify import Verifier
from backend.settings import LocalSettings
from backend.storage import reembedding
from backend.storage.database import Database
from backend.storage.snapshots import Snapshots
from backend.vision.engine import InferenceEngine
from backend.vision.image import ImageLimits, decode
from backend.vision.loading import Chosen, Pipelines
from backend.vision.models import SFACE, EmbedderFile, available
from backend.vision.own_files import embedder_named
from backend.vision.runtime import Runtime

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Recognition:
    """Enrolling and identifying: what needs no server."""

    database: Database
    gallery: Gallery
    enroller: Enroller
    identifier: Identifier
    verifier: Verifier
    pipelines: Pipelines
    engine: InferenceEngine
    dimensions: int
    """How long the model's embeddings are."""
    device: str
    """What the models run on, in words."""
    limits: ImageLimits
    meter: Meter

    def decode(self, data: bytes) -> RgbImage:
        """The picture in a file; raises ImageRejected."""
        with timed(self.meter, Stage.DECODE):
            return decode(data, self.limits)


class Serving:
    """Which model answers at the moment; another may take its place."""

    def __init__(self, recognition: Recognition) -> None:
        """Begin with `recognition`."""
        self.current = recognition


@dataclass(frozen=True, slots=True)
class Models:
    """What recognition by any model is made of."""

    settings: LocalSettings
    database: Database
    runtime: Runtime
    engine: InferenceEngine
    meter: Meter
    chosen: Chosen

    def pipelines(self, embedder: EmbedderFile | None) -> Pipelines:
        """The pipelines of an embedder, or of the default one; raises ModelError."""
        chosen = Chosen(embedder, self.chosen.detector)
        return load_models(self.settings, self.runtime, self.engine, self.meter, chosen)

    def recognition(self, pipelines: Pipelines) -> Recognition:
        """Enrolling and identifying by these pipelines."""
        settings, meter = self.settings, self.meter
        gallery = open_gallery(settings, self.database, pipelines.photos.model, meter)
        limits = ImageLimits(settings.max_image_bytes, settings.max_image_pixels)
        enrolment = EnrolmentRule(settings.min_face_size, settings.min_quality)
        thresholds = thresholds_of(settings, pipelines.thresholds)
        rule = DecisionRule(thresholds.identify, thresholds.margin)
        return Recognition(
            database=self.database,
            gallery=gallery,
            enroller=Enroller(
                pipelines.enrolment, gallery, enrolment, limits, keep_crops=settings.keep_crops, meter=meter
            ),
            identifier=Identifier(pipelines.photos, gallery, rule, meter, glance=pipelines.glance),
            verifier=Verifier(pipelines.enrolment, gallery, thresholds.verify),
            pipelines=pipelines,
            engine=self.engine,
            dimensions=pipelines.photos.dimensions,
            device=f"{self.runtime.name} on {self.runtime.device}, {pipelines.precision}",
            limits=limits,
            meter=meter,
        )

    def former(self) -> Pipelines | None:
        """The pipelines of the model that the gallery is of, where that is another than the one wanted.

        None where it is the same, or gone: then the log says so.
        """
        with self.database.read() as tx:
            name = reembedding.serving_model(tx)
        if name is None or name == self.wanted.name:
            return None
        try:
            return self.pipelines(_known_embedder(name))
        except ModelError as error:
            logger.warning(
                "The gallery is of the model %s, which is gone (%s) Until its faces are made anew by %s, not everybody "
                "is recognised.",
                name,
                error.message,
                self.wanted.name,
            )
            return None

    @property
    def wanted(self) -> EmbedderFile:
        """The embedder that the settings name."""
        return self.chosen.embedder or available(SFACE, self.settings.model_dir)


def _known_embedder(name: str) -> EmbedderFile:
    found = embedder_named(name)
    if found is None:
        raise ModelError(f"No model of the id {name} is known.", model=name)
    return found


@contextmanager
def open_models(settings: LocalSettings, meter: Meter = NO_METER, ending: Ending | None = None) -> Iterator[Models]:
    """Open the database and the engine; they end together with what else ends by `ending`."""
    by = ending or Ending()
    share_arenas()
    with ExitStack() as stack:
        database = stack.enter_context(open_database(settings))
        chosen = chosen_models(settings)
        runtime = runtime_of(settings)
        engine = InferenceEngine()
        stack.callback(lambda: engine.stop(by.left()))
        yield Models(settings, database, runtime, engine, meter, chosen)


@contextmanager
def open_recognition(settings: LocalSettings) -> Iterator[Recognition]:
    """Open the database and the models; raises a FaceServerError, with what to do, where that cannot be.

    Where the gallery is still of another model than the settings name, that one answers: a server makes it anew.
    """
    with open_models(settings) as models:
        former = models.former()
        if former is not None:
            logger.warning("The gallery is of %s still: the server makes it anew.", former.plain.model)
        yield models.recognition(former or models.pipelines(models.chosen.embedder))


def open_gallery(settings: LocalSettings, database: Database, model: str, meter: Meter = NO_METER) -> Gallery:
    """The gallery of one model: exact while small, from the index on disk where that is large enough to need one."""
    shelf = Shelf(settings.data_dir / "index", model, Limit(settings.exact_search_up_to))
    return Gallery(database, model, CohortAdjustedIndex if settings.cohort_adjustment else None, shelf, meter)


def index_of(settings: LocalSettings) -> MakeIndex:
    """What makes the kind of index that the gallery is searched by."""
    return CohortAdjustedIndex.of if settings.cohort_adjustment else ExactIndex.of


def seen_again_of(database: Database, snapshots: Snapshots, pipelines: Pipelines, limits: ImageLimits) -> SeenAgain:
    """What looks again, by these pipelines, at sightings that were seen by another model."""
    return SeenAgain(database, snapshots, pipelines.enrolment, pipelines.background, limits)


def intake_of(recognition: Recognition) -> Intake:
    """What takes in archives of photos and exports."""
    dimensions, most = recognition.dimensions, recognition.limits.max_bytes
    return Intake(recognition.gallery, recognition.enroller, dimensions, most)
