"""Who is this, if anyone? The same rule for a face in a photo and a face on a camera."""

from dataclasses import dataclass

from backend.domain.face import Face, Quality, Template
from backend.domain.geometry import RgbImage
from backend.domain.identity import Decision, Verdict
from backend.domain.meter import NO_METER, Meter
from backend.gallery.gallery import Gallery
from backend.recognition.decision import DecisionRule, decide
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

    def __init__(self, pipeline: FacePipeline, gallery: Gallery, rule: DecisionRule, meter: Meter = NO_METER) -> None:
        """Describe faces with `pipeline`, search them in `gallery`, judge them by `rule`."""
        self.rule = rule
        self._pipeline = pipeline
        self._gallery = gallery
        self._meter = meter

    @property
    def model(self) -> str:
        """The id of the model whose templates are compared."""
        return self._gallery.model

    def identify_image(self, image: RgbImage, search: Search = AS_USUAL) -> list[IdentifiedFace]:
        """Every face of an image with its decision, the largest face first."""
        faces = sorted(self._pipeline.analyse(image), key=lambda face: -face.detection.box.area)
        return [IdentifiedFace(face, self.identify(face.template, face.quality, search)) for face in faces]

    def identify(self, template: Template, quality: Quality | None, search: Search = AS_USUAL) -> Decision:
        """The decision on one face; raises ModelMismatch for a template of another model than the gallery's.

        `quality` is None where only the template is known.
        """
        rule = self.rule if search.threshold is None else self.rule.at(search.threshold)
        decision = decide(self._gallery.search(template, max(search.limit, 2), search.among), quality, rule)
        self._meter.decided(decision)
        return decision


def most_telling(faces: list[IdentifiedFace]) -> IdentifiedFace | None:
    """The face that answers "who is in this picture?": the surest match, else the largest face, else None."""
    matches = [face for face in faces if face.decision.verdict is Verdict.MATCH]
    if matches:
        return max(matches, key=lambda match: match.decision.similarity or 0.0)
    return faces[0] if faces else None
