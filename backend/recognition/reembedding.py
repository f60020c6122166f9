"""The gallery made anew by another model, in the background, from the faces that were kept.

The former model answers meanwhile. What is made lies beside the old templates until all of it is there; then one
transaction says that the new model serves, it is put in the old ones' place, and the new model answers. What a crash
interrupts goes on at the next start. Where the former model is gone, the new one answers from the beginning, and what
is made takes its place every few seconds.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from backend.domain.audit import Deed
from backend.domain.errors import FaceServerError, ShuttingDown
from backend.domain.face import Template
from backend.domain.geometry import RgbImage
from backend.gallery.gallery import Gallery
from backend.recognition.kept_faces import aligned_face
from backend.storage import audit, negatives, reembedding, templates
from backend.storage.database import Database
from backend.storage.reembedding import KeptFace
from backend.vision.embedding import Embedder

logger = logging.getLogger(__name__)

KEPT_AT_ONCE: Final = 64
"""How many faces are made anew between two transactions: a crash costs so many."""
EMBEDDED_AT_ONCE: Final = 8
"""With their mirror images a full batch. A photo or a camera waits for one at most."""
PLACED_AT_ONCE: Final = 500
"""How many templates are replaced in one transaction: cameras and messages write in between."""
SECONDS_BETWEEN_PLACINGS: Final = 10.0
"""How often what is made takes its place where the new model answers already: each time the index is made anew."""
SECONDS_BEFORE_FIRST_LOOK: Final = 2.0
"""A start has enough to do: who waits for it asks first."""
SECONDS_BETWEEN_LOOKS: Final = 5.0
"""How often it is looked whether there is more to do: an import may bring templates of another model."""
PATIENCE_SECONDS: Final = 60.0
"""How long it waits after a failure."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a gallery is made anew."""

    model: str
    """The model that it is made anew by."""
    serving: str
    """The model that answers."""
    done: int
    total: int
    """How many faces there are to be made anew, those that are done counted; 0 where there is nothing to do."""
    without_face: int
    """Templates of other models that stay behind, since no usable face of them was kept."""
    lost_people: int
    """People who have no other templates than those."""

    @property
    def is_over(self) -> bool:
        """Whether there is nothing more to do."""
        return self.serving == self.model and self.done == self.total


@dataclass(frozen=True, slots=True)
class Successor:
    """The model that is wanted, and how it takes over."""

    embedder: Embedder
    seen_again: Callable[[str], Template | None]
    """Its template of a sighting's face, from the kept picture."""
    gallery: Callable[[], Gallery]
    """The gallery that answers at the moment, of whichever model."""
    switch: Callable[[], None]
    """Has the wanted model answer from now on; its templates are in place."""
    switched: Callable[[], None]
    """Is called after that, when changes of the gallery go on."""


class Reembedder:
    """Owns the thread that makes the gallery anew; of the processes on a data folder only the server has one."""

    def __init__(self, database: Database, successor: Successor) -> None:
        """Make anew what is in `database` by the `successor`; `start` begins."""
        self._database = database
        self._successor = successor
        self._model = successor.embedder.model
        self._stopping = threading.Event()
        self._looked_at: int | None = None
        self._placed_at = time.monotonic()
        self._unlearnable: set[str] = set()
        self._progress = self._counted()
        self._thread = threading.Thread(target=self._run, name="reembedder", daemon=True)

    @property
    def progress(self) -> Progress:
        """How far it is."""
        return self._progress

    def start(self) -> None:
        """Begin, in the background."""
        self._thread.start()

    def ask_to_stop(self) -> None:
        """Leave off after the faces at hand; `stop` waits for that."""
        self._stopping.set()

    def stop(self, seconds: float) -> None:
        """Leave off, within that many seconds; the next start goes on."""
        self.ask_to_stop()
        self._thread.join(seconds)
        if self._thread.is_alive():
            logger.warning("The gallery is still being made anew, which is abandoned; the next start goes on.")

    def _run(self) -> None:
        pause = SECONDS_BEFORE_FIRST_LOOK
        while not self._stopping.wait(pause):
            pause = SECONDS_BETWEEN_LOOKS
            try:
                self._look()
            except ShuttingDown:
                return
            except FaceServerError as error:
                logger.error("The gallery could not be made anew: %s It is tried again.", error.message)
                pause = PATIENCE_SECONDS
            except Exception:
                logger.exception("The gallery could not be made anew. It is tried again.")
                pause = PATIENCE_SECONDS

    def _look(self) -> None:
        """Do what there is to do, if anything changed since there was nothing."""
        with self._database.read() as tx:
            generation = templates.generation(tx)
        if generation == self._looked_at:
            return
        self._begin()
        for faces in self._waiting():
            self._keep(self._made(faces))
            if self._is_serving() and time.monotonic() - self._placed_at >= SECONDS_BETWEEN_PLACINGS:
                self._put_in_place()
        if self._stopping.is_set():
            return
        self._learn_denials()
        if self._is_serving():
            self._put_in_place()
        elif not self._take_over():
            return
        self._progress = self._counted()
        self._looked_at = self._quiet_generation()

    def _begin(self) -> None:
        with self._database.write() as tx:
            reembedding.forget_others(tx, self._model)
        self._progress = self._counted()
        if self._progress.done < self._progress.total:
            logger.info("%s", progress_sentence(self._progress))

    def _waiting(self) -> Iterator[Sequence[KeptFace]]:
        after = ""
        while not self._stopping.is_set():
            with self._database.read() as tx:
                faces = reembedding.waiting(tx, self._model, after, KEPT_AT_ONCE)
            if not faces:
                return
            yield faces
            after = faces[-1].template_id

    def _made(self, faces: Sequence[KeptFace]) -> Mapping[str, NDArray[np.float32] | None]:
        made: dict[str, NDArray[np.float32] | None] = {face.template_id: None for face in faces}
        readable = [(face.template_id, image) for face in faces if (image := aligned_face(face.png)) is not None]
        for start in range(0, len(readable), EMBEDDED_AT_ONCE):
            group = readable[start : start + EMBEDDED_AT_ONCE]
            for (template_id, _), template in zip(group, self._embedded(group), strict=True):
                made[template_id] = template.embedding
        return made

    def _embedded(self, group: Sequence[tuple[str, RgbImage]]) -> Sequence[Template]:
        self._goes_on()
        return self._successor.embedder.embed([image for _, image in group])

    def _keep(self, made: Mapping[str, NDArray[np.float32] | None]) -> None:
        with self._database.write() as tx:
            reembedding.keep(tx, self._model, made)
        before, done = self._progress, sum(embedding is not None for embedding in made.values())
        unusable = len(made) - done
        self._progress = replace(
            before,
            done=before.done + done,
            # Those enrolled meanwhile were not counted before.
            total=max(before.total - unusable, before.done + done),
            without_face=before.without_face + unusable,
        )

    def _learn_denials(self) -> None:
        """See again the looks that somebody is said not to be: without them the new model would not know."""
        with self._database.read() as tx:
            denials = negatives.unlearnt(tx, self._model)
        for denial in denials:
            if self._stopping.is_set() or denial.negative_id in self._unlearnable:
                continue
            look = self._successor.seen_again(denial.sighting_id)
            if look is None:
                self._unlearnable.add(denial.negative_id)
                continue
            with self._database.write() as tx:
                negatives.learn(tx, denial, look)
        if self._unlearnable:
            logger.warning(
                "%d looks that are said not to be somebody cannot be told to %s: no picture of them is left.",
                len(self._unlearnable),
                self._model,
            )

    def _put_in_place(self) -> None:
        placed = put_in_place(self._database, self._model, self._goes_on)
        self._placed_at = time.monotonic()
        if placed:
            self._successor.gallery().refresh()

    def _goes_on(self) -> None:
        if self._stopping.is_set():
            raise ShuttingDown

    def _take_over(self) -> bool:
        """Have the wanted model answer, if all is made by now that can be; whether it does."""
        former = self._successor.gallery()
        with former.searched.changing:
            with self._database.write() as tx:
                tally = reembedding.tally(tx, self._model)
                if tally.waiting:
                    return False
                if reembedding.noted_model(tx) != self._model:
                    reembedding.serve(tx, self._model)
                    audit.note(tx, Deed.MODEL_CHANGED, self._model, former=former.model, faces=tally.made)
            former.searched.retire()
            put_in_place(self._database, self._model, self._goes_on)
            self._successor.switch()
        self._successor.switched()
        self._progress = self._counted()
        logger.info("%s answers from now on, in the place of %s.", self._model, former.model)
        if self._progress.lost_people:
            logger.warning("%s", lost_sentence(self._progress))
        return True

    def _is_serving(self) -> bool:
        return self._successor.gallery().model == self._model

    def _quiet_generation(self) -> int | None:
        """The state of the gallery, if there is nothing to do in it."""
        with self._database.read() as tx:
            return None if reembedding.tally(tx, self._model).waiting else templates.generation(tx)

    def _counted(self) -> Progress:
        return counted(self._database, self._model, self._successor.gallery().model)


def put_in_place(database: Database, model: str, before_each: Callable[[], None] = lambda: None) -> bool:
    """Replace the templates that the model has made anew, some at a time; whether there were any."""
    placed = False
    while True:
        before_each()
        with database.write() as tx:
            people = reembedding.put_in_place(tx, model, PLACED_AT_ONCE)
            if not people:
                return placed
            templates.advance_generation(tx, people)
        placed = True


def counted(database: Database, model: str, serving: str) -> Progress:
    """How far the gallery is made anew by a model while another is serving, counted in the database."""
    with database.read() as tx:
        tally = reembedding.tally(tx, model)
        lost = reembedding.lost_people(tx, model) if tally.without_face + tally.unusable else []
    return Progress(
        model=model,
        serving=serving,
        done=tally.made,
        total=tally.made + tally.waiting,
        without_face=tally.without_face + tally.unusable,
        lost_people=len(lost),
    )


def progress_sentence(progress: Progress) -> str | None:
    """What is worth a word about it, naming nobody; None where there is nothing."""
    if progress.done < progress.total or progress.serving != progress.model:
        how_far = f"{progress.done} of {progress.total} faces of the gallery are made anew by {progress.model}"
        if progress.serving == progress.model:
            return f"{how_far}; until the others are, not everybody is recognised."
        return f"{how_far}; {progress.serving} answers until then."
    return lost_sentence(progress) if progress.lost_people else None


def lost_sentence(progress: Progress) -> str:
    """Whom the model does not know, as a number."""
    return (
        f"{progress.lost_people} people are not recognised by {progress.model}, since no picture of their faces was "
        "kept: enrol new photos of them. `face-server models` names them."
    )
