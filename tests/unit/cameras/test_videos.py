"""Who passes in real videos, against what people saw who looked at them frame by frame."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path

import numpy as np
import pytest

from backend.cameras.finding import Finder, View
from backend.cameras.follow import Look, Visit
from backend.cameras.frame import Frame
from backend.cameras.recording import watch_recording
from backend.cameras.source import DecodedFrame, open_recording
from backend.cameras.visits import Visits
from backend.domain.camera import DEFAULT_THRESHOLD
from backend.domain.face import Detection, Face
from backend.domain.geometry import RgbImage
from backend.gallery.gallery import Gallery
from backend.recognition.decision import DecisionRule
from backend.recognition.identify import Identifier
from backend.storage.database import Database, sqlite_url
from backend.storage.secret_box import SecretBox
from backend.storage.templates import NewTemplate
from backend.vision.conventions import SFACE_THRESHOLDS
from backend.vision.image import decode
from backend.vision.loading import Pipelines
from backend.vision.pipeline import FacePipeline
from backend.vision.quality import visible
from tests.rig.clips import walk_past
from tests.rig.photos import SHARED_DATA, jpeg, needs_shared_data, person_crop

VIDEO = SHARED_DATA / "video"
ANALYSIS_FPS = 5.0


@dataclass(slots=True)
class Told:
    """The newest state of each visit, and every picture that was told of."""

    visits: dict[int, Visit] = field(default_factory=dict)
    pictures: list[Look] = field(default_factory=list)

    def report(self, visit: Visit) -> None:
        self.visits[visit.visit_id] = visit
        if visit.best not in self.pictures:
            self.pictures.append(visit.best)

    def catch_up(self) -> None:
        pass

    def spans(self) -> list[tuple[str | None, float, float]]:
        """Who, from when to when, in seconds from the first face on."""
        began = min(visit.started_at for visit in self.visits.values())
        return [
            (
                visit.person_id,
                (visit.started_at - began).total_seconds(),
                (visit.last_seen_at - began).total_seconds(),
            )
            for visit in self.visits.values()
        ]


class Remembering(FacePipeline):
    """A pipeline that knows what it answered: a frame that is shown in time and late is looked at once."""

    def __init__(self, pipeline: FacePipeline) -> None:
        self._pipeline = pipeline
        self._found: dict[bytes, list[Detection]] = {}
        self._described: dict[tuple[bytes, Detection], Face] = {}

    def detect(self, image: RgbImage) -> list[Detection]:
        key = _key(image)
        if key not in self._found:
            self._found[key] = self._pipeline.detect(image)
        return self._found[key]

    def describe(self, image: RgbImage, detections: Sequence[Detection]) -> list[Face]:
        key = _key(image)
        new = [detection for detection in detections if (key, detection) not in self._described]
        for detection, face in zip(new, self._pipeline.describe(image, new) if new else (), strict=True):
            self._described[key, detection] = face
        return [self._described[key, detection] for detection in detections]


def _key(image: RgbImage) -> bytes:
    return blake2b(np.ascontiguousarray(image).data, digest_size=16).digest()


class Hurried(Visits):
    """Visits of a camera that falls behind: every frame is late."""

    def look(self, frame: Frame, *, late: bool = True) -> int:
        return super().look(frame, late=late)


@dataclass(frozen=True, slots=True)
class Engine:
    """What watches, with a gallery that a test may fill."""

    pipelines: Pipelines
    camera: FacePipeline
    gallery: Gallery
    late: bool
    """Whether it is as if every frame had waited, so that as little as can be is looked at closely."""

    def visits(self, told: Told) -> Visits:
        rule = DecisionRule(SFACE_THRESHOLDS.identify, SFACE_THRESHOLDS.margin)
        identifier = Identifier(self.pipelines.photos, self.gallery, rule)
        kind = Hurried if self.late else Visits
        return kind(Finder(self.camera, View()), identifier, DEFAULT_THRESHOLD, told)

    def watch(self, path: Path) -> Told:
        told = Told()
        with open_recording(str(path)) as video:
            watch_recording(video, self.visits(told), ANALYSIS_FPS)
        return told

    def enrol(self, person_id: str, photo: Path) -> None:
        (face,) = self.pipelines.photos.analyse(decode(photo.read_bytes()))
        self.gallery.add(person_id, [NewTemplate(face.template, face.quality.score, photo.name, photo.name)])


@pytest.fixture(scope="module")
def camera(pipelines: Pipelines) -> FacePipeline:
    return Remembering(pipelines.cameras)


@pytest.fixture(params=[False, True], ids=["in time", "late"])
def engine(
    request: pytest.FixtureRequest, tmp_path: Path, pipelines: Pipelines, camera: FacePipeline
) -> Iterator[Engine]:
    with closing(Database.open(sqlite_url(tmp_path), SecretBox("key"))) as database:
        yield Engine(pipelines, camera, Gallery(database, pipelines.photos.model), request.param)


@dataclass(frozen=True, slots=True)
class Appearance:
    """Who is in the picture without a break, in seconds from the first face on."""

    person_id: str
    begins: float
    ends: float
    whole_from: float | None = None
    """From when on there is more to see than half a face at the picture's edge; None for at once."""

    def is_told_by(self, span: tuple[str | None, float, float], *names: str | None) -> bool:
        """Whether a sighting of one of these names is this appearance."""
        name, first, last = span
        latest = self.whole_from or self.begins
        begins_well = self.begins - SLACK_SECONDS <= first <= latest + SLACK_SECONDS
        return name in names and begins_well and abs(last - self.ends) <= SLACK_SECONDS


# A television scene, cut five times, at 4.4, 11.3, 16.8, 18.9 and 23.1 s. Who is in the picture in two scenes with less
# than five seconds between them appears once. Left out is who shows no more than a cheek at the edge.
SLACK_SECONDS = 0.5
APPEARANCES = (
    Appearance("rachel", 0.0, 4.3),
    Appearance("joey", 0.0, 4.3),
    Appearance("monica", 4.4, 11.2),
    Appearance("chandler", 4.4, 11.2),
    Appearance("phoebe", 11.4, 23.9),
    Appearance("ross", 11.4, 23.0),
    Appearance("rachel", 16.8, 18.8),
    Appearance("chandler", 19.7, 26.3, whole_from=23.2),
)
# In profile, or nearly, from the first frame to the last.
TURNED_AWAY = (Appearance("joey", 16.8, 18.8), Appearance("monica", 23.2, 26.3))


def test_whoever_walks_past_is_shown_with_a_whole_face_from_the_first_picture_on(
    engine: Engine, tmp_path: Path
) -> None:
    photo = tmp_path / "alice.jpg"
    photo.write_bytes(jpeg(person_crop(2)))
    engine.enrol("alice", photo)
    clip = walk_past(tmp_path / "door.mp4", [person_crop(2), person_crop(5)], seconds=9.0)
    told = engine.watch(clip.path)
    assert [name for name, *_ in told.spans()] == ["alice", None]
    for picture in told.pictures:
        (face,) = engine.pipelines.photos.analyse(picture.image)
        height, width = picture.image.shape[:2]
        points = face.detection.landmarks.as_array()
        assert ((points > 0) & (points < (width, height))).all()
        assert visible(face.detection, (height, width)) > 0.9
    assert len(told.pictures) <= 4


@needs_shared_data("video/six_people")
def test_six_people_of_a_television_scene_are_each_told_once_an_appearance(engine: Engine) -> None:
    faces = sorted((VIDEO / "six_people/faces").glob("*.png"))
    for photo in faces:
        engine.enrol(photo.stem.lower(), photo)
    seen = engine.watch(VIDEO / "six_people/assets/in_video.mp4").spans()
    assert len(faces) == 6
    told = {
        appearance: [span for span in seen if appearance.is_told_by(span, appearance.person_id)]
        for appearance in APPEARANCES
    }
    assert {appearance: len(spans) for appearance, spans in told.items()} == dict.fromkeys(APPEARANCES, 1)
    # Not one sighting more; and of those who are turned away the right name or none.
    others = [span for span in seen if [span] not in told.values()]
    for span in others:
        assert any(appearance.is_told_by(span, appearance.person_id, None) for appearance in TURNED_AWAY), span
    assert len(others) <= len(TURNED_AWAY)


@needs_shared_data("video/surveillance_gif")
@pytest.mark.parametrize(
    ("clip", "people"), [("face-demographics-walking-and-pause", 3), ("face-demographics-walking", 2)]
)
def test_strangers_before_a_surveillance_camera_are_one_sighting_each(engine: Engine, clip: str, people: int) -> None:
    told = engine.watch(VIDEO / f"surveillance_gif/{clip}.gif")
    assert [person_id for person_id, _, _ in told.spans()] == [None] * people


@needs_shared_data("video/surveillance_gif")
def test_each_pass_of_three_strangers_is_three_sightings(engine: Engine) -> None:
    told = Told()
    visits = engine.visits(told)
    with open_recording(str(VIDEO / "surveillance_gif/face-demographics-walking-and-pause.gif")) as video:
        frames = list(video.frames())
    for number in range(1, 4):
        for frame in frames:
            assert isinstance(frame, DecodedFrame)
            visits.look(frame)
            # The next time it is shown ten seconds later: two frames of one video are never the same moment.
            frame.moment += 10.0
        visits.end_old(frames[0].moment - 10.0 + 9.0)
        assert Counter(visit.ended for visit in told.visits.values()) == {True: 3 * number}


@needs_shared_data("video/one_person")
def test_a_signer_is_one_sighting_however_the_hands_move(engine: Engine) -> None:
    clips = sorted((VIDEO / "one_person").glob("*.mkv"))
    assert len(clips) == 20
    assert {clip.stem: len(engine.watch(clip).visits) for clip in clips} == {clip.stem: 1 for clip in clips}
