"""Photos to templates: the one face that each photo is about, described by several pipelines."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from backend.domain.errors import FaceServerError
from backend.domain.face import Detection, Face
from backend.domain.geometry import RgbImage
from backend.vision.image import ImageLimits, decode
from backend.vision.pipeline import FacePipeline


@dataclass(frozen=True, slots=True)
class Failure:
    """A photo that could not be described."""

    photo: Path
    reason: str
    """One sentence."""


@dataclass(frozen=True, slots=True, eq=False)
class Description:
    """A photo's face, as each pipeline described it."""

    photo: Path
    faces: int
    """How many faces the photo shows; the one nearest to its middle was described."""
    described: Mapping[str, Face]
    """By the names of the pipelines."""


@dataclass(frozen=True, slots=True, eq=False)
class Album:
    """All photos of an evaluation: those that were described, and those that were not."""

    descriptions: Mapping[Path, Description]
    failures: Sequence[Failure]

    @classmethod
    def of(cls, outcomes: Iterable[Description | Failure]) -> "Album":
        """The album of what became of each photo."""
        descriptions: dict[Path, Description] = {}
        failures: list[Failure] = []
        for outcome in outcomes:
            if isinstance(outcome, Failure):
                failures.append(outcome)
            else:
                descriptions[outcome.photo] = outcome
        return cls(descriptions, failures)

    def face(self, photo: Path, pipeline: str) -> Face | None:
        """A photo's face as that pipeline described it; None where the photo could not be described."""
        description = self.descriptions.get(photo)
        return None if description is None else description.described[pipeline]


def describe_all(
    wanted: Mapping[Path, Collection[str]], pipelines: Mapping[str, FacePipeline], limits: ImageLimits
) -> Iterator[Description | Failure]:
    """What becomes of each photo, in turn; a photo that cannot be used is told of, and the next one follows.

    `wanted` names the pipelines that describe a photo. The first of all pipelines finds the faces for the others, so
    that they describe the same one.
    """
    finder = next(iter(pipelines.values()))
    for photo, names in wanted.items():
        try:
            yield _described(photo, finder, {name: pipelines[name] for name in names}, limits)
        except FaceServerError as error:
            yield Failure(photo, error.message)
        except OSError as error:
            yield Failure(photo, f"The file cannot be read: {error.strerror}.")


def nearest_to_middle(detections: Sequence[Detection], image: RgbImage) -> Detection:
    """The face in the middle of a photo, which is the one that LFW's photos are named for."""
    height, width = image.shape[:2]
    return min(
        detections,
        key=lambda face: (face.box.centre.x - width / 2) ** 2 + (face.box.centre.y - height / 2) ** 2,
    )


def _described(
    photo: Path, finder: FacePipeline, pipelines: Mapping[str, FacePipeline], limits: ImageLimits
) -> Description | Failure:
    image = decode(photo.read_bytes(), limits)
    detections = finder.detect(image)
    if not detections:
        return Failure(photo, "No face was found.")
    meant = nearest_to_middle(detections, image)
    described = {name: pipeline.describe(image, [meant])[0] for name, pipeline in pipelines.items()}
    return Description(photo, len(detections), described)
