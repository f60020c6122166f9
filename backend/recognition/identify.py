"""Who is this, if anyone? The same rule for a face in a photo and a face on a camera."""

from collections.abc import Sequence
from dataclasses import dataclass

from backend.domain.face import Detection, Face, Quality, Template
from backend.domain.geometry import RgbImage
from backend.domain.identity import Decision, Verdict
from backend.domain.meter import NO_METER, Meter
from backend.gallery.gallery import Gallery
from backend.recognition.decision import DecisionRule, decide, is_close
from backend.vision.pipeline import FacePipeline


@dataclass(frozen=True, slots=True, eq=False)
class IdentifiedFace:
    """A face and who it is, if anyone."""

    face: Face
    decision: Decision


@dataclass(frozen=True, slots=True)
class Search:
    """How to search the gallery, where it is not to be searched as usual."""

    threshold: float | None = None
    """In the place of the rule's own."""
    limit: int = 5
    """How many candidates to name at most; two are looked at in any case, for the decision needs their margin."""
    among: frozenset[str] | None = None
    """The people who are looked for; None for everybody."""


AS_USUAL = Search()


class Identifier:
    """Searches the gallery for faces; safe to use from any thread."""

    def __init__(
        self,
        pipeline: FacePipeline,
        gallery: Gallery,
        rule: DecisionRule,
        meter: Meter = NO_METER,
        glance: FacePipeline | None = None,
    ) -> None:
        """Describe faces with `pipeline`, search them in `gallery`, judge them by `rule`.

        Where a cheaper `glance` is given, it describes every face first, and `pipeline` only those whose decision it
        leaves close.
        """
        self.rule = rule
        self._pipeline = pipeline
        self._gallery = gallery
        self._meter = meter
        self._glance = glance

    @property
    def model(self) -> str:
        """The id of the model whose templates are compared."""
        return self._gallery.model

    def identify_image(self, image: RgbImage, search: Search = AS_USUAL) -> list[IdentifiedFace]:
        """Every face of an image with its decision, the largest face first."""
        found = sorted(self._pipeline.detect(image), key=lambda detection: -detection.box.area)
        return self.identify_faces(image, found, search)

    def identify_faces(
        self, image: RgbImage, found: Sequence[Detection], search: Search = AS_USUAL, *, in_full: bool = False
    ) -> list[IdentifiedFace]:
        """Some faces of an image with their decisions, in the order given.

        All are looked at `in_full` where their templates are wanted for their own sake.
        """
        if self._glance is None or in_full:
            identified = self._described(self._pipeline, image, found, search)
        else:
            identified = self._looked_at_twice(self._glance, image, found, search)
        for face in identified:
            self._meter.decided(face.decision)
        return identified

    def identify(self, template: Template, quality: Quality | None, search: Search = AS_USUAL) -> Decision:
        """The decision on one face; raises ModelMismatch for a template of another model than the gallery's.

        `quality` is None where only the template is known.
        """
        decision = self._decided(template, quality, search)
        self._meter.decided(decision)
        return decision

    def _looked_at_twice(
        self, glance: FacePipeline, image: RgbImage, found: Sequence[Detection], search: Search
    ) -> list[IdentifiedFace]:
        identified = self._described(glance, image, found, search)
        close = [place for place, face in enumerate(identified) if is_close(face.decision, self._rule(search))]
        again = self._described(self._pipeline, image, [found[place] for place in close], search)
        for place, face in zip(close, again, strict=True):
            identified[place] = face
        return identified

    def _described(
        self, pipeline: FacePipeline, image: RgbImage, found: Sequence[Detection], search: Search
    ) -> list[IdentifiedFace]:
        faces = pipeline.describe(image, found) if found else []
        return [IdentifiedFace(face, self._decided(face.template, face.quality, search)) for face in faces]

    def _decided(self, template: Template, quality: Quality | None, search: Search) -> Decision:
        candidates = self._gallery.search(template, max(search.limit, 2), search.among)
        return decide(candidates, quality, self._rule(search))

    def _rule(self, search: Search) -> DecisionRule:
        return self.rule if search.threshold is None else self.rule.at(search.threshold)


def most_telling(faces: list[IdentifiedFace]) -> IdentifiedFace | None:
    """The face that answers "who is in this picture?": the surest match, else the largest face, else None."""
    matches = [face for face in faces if face.decision.verdict is Verdict.MATCH]
    if matches:
        return max(matches, key=lambda match: match.decision.similarity or 0.0)
    return faces[0] if faces else None
