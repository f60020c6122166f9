"""Another model in the place of the one that answers."""

from dataclasses import dataclass

from backend.cameras.supervisor import Supervisor
from backend.container.recognition import Models, Recognition, Serving, seen_again_of
from backend.gallery.keeper import IndexKeeper
from backend.recognition.reembedding import Successor, put_in_place
from backend.storage import reembedding
from backend.storage.database import Database
from backend.storage.snapshots import Snapshots
from backend.vision.image import ImageLimits
from backend.vision.loading import Pipelines


def first_to_answer(models: Models, wanted: Pipelines) -> Recognition:
    """By the model that the gallery is of, until it is made anew by the one `wanted`."""
    former = models.former()
    if former is not None:
        return models.recognition(former)
    _note_serving(models.database, wanted.plain.model)
    # What a crash left half in place.
    put_in_place(models.database, wanted.plain.model)
    return models.recognition(wanted)


def _note_serving(database: Database, model: str) -> None:
    with database.read() as tx:
        is_noted = reembedding.noted_model(tx) == model
    if not is_noted:
        with database.write() as tx:
            reembedding.serve(tx, model)


@dataclass(frozen=True, slots=True)
class Handover:
    """How the wanted model takes the place of the one that answers."""

    models: Models
    wanted: Pipelines
    serving: Serving
    keeper: IndexKeeper
    supervisor: Supervisor

    def successor(self, snapshots: Snapshots) -> Successor:
        """What the gallery is made anew by, and what is done when it is."""
        limits = ImageLimits(self.models.settings.max_image_bytes, self.models.settings.max_image_pixels)
        seen_again = seen_again_of(self.models.database, snapshots, self.wanted, limits)
        return Successor(
            embedder=self.wanted.background,
            seen_again=seen_again.template,
            gallery=lambda: self.serving.current.gallery,
            switch=self._switch,
            switched=self._switched,
        )

    def _switch(self) -> None:
        self.serving.current = self.models.recognition(self.wanted)

    def _switched(self) -> None:
        self.keeper.keep(self.serving.current.gallery.searched)
        # A track's looks are of one model.
        self.supervisor.begin_anew()
