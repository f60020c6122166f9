"""SCRFD's outputs are read as their authors read them, and its files find faces as the default detector does."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from backend.domain.errors import ModelError
from backend.vision.loading import Chosen, load_pipelines
from backend.vision.own_files import own_detector
from backend.vision.scrfd import STRIDES, PerImage, Scrfd, check_outputs
from tests.rig.own_models import scrfd_of_yunet
from tests.rig.photos import astronaut, group_photo

HEIGHT, WIDTH = 96, 128
Outputs = Mapping[str, NDArray[np.float32]]


class Drawn:
    """Outputs of the form of SCRFD's, drawn once for an image of 96 × 128; it keeps what it was fed."""

    def __init__(self, outputs: Outputs) -> None:
        self.outputs = outputs
        self.fed: list[NDArray[np.float32]] = []

    def run(self, batch: NDArray[np.float32]) -> Outputs:
        self.fed.append(batch)
        return self.outputs


def drawn(seed: int = 4) -> Outputs:
    """Nine outputs, in an order and by names that mean nothing; a tenth of the scores are above a half."""
    numbers = np.random.default_rng(seed)
    outputs: dict[str, NDArray[np.float32]] = {}
    for stride in STRIDES:
        places = 2 * (HEIGHT // stride) * (WIDTH // stride)
        outputs[f"{stride}a"] = (numbers.random((places, 1)) ** 4).astype(np.float32)
        outputs[f"{stride}b"] = numbers.uniform(0.5, 2, (places, 4)).astype(np.float32)
        outputs[f"{stride}c"] = numbers.uniform(-1, 1, (places, 10)).astype(np.float32)
    return dict(sorted(outputs.items(), reverse=True))


def faces_of(outputs: Outputs, threshold: float, most_overlap: float) -> list[tuple[float, list[float]]]:
    """Place by place, as the paper has it: score, and box and landmarks as 14 numbers; the most certain first."""
    found: list[tuple[float, list[float]]] = []
    for stride in STRIDES:
        scores, boxes, landmarks = (outputs[f"{stride}{kind}"] for kind in "abc")
        columns = WIDTH // stride
        for place, (score,) in enumerate(scores):
            if score < threshold:
                continue
            # Two anchors stand at each place of the grid, at its left upper corner.
            x, y = (place // 2 % columns) * stride, (place // 2 // columns) * stride
            left, top, right, bottom = (float(part) * stride for part in boxes[place])
            box = [x - left, y - top, left + right, top + bottom]
            points = [(x, y)[index % 2] + float(part) * stride for index, part in enumerate(landmarks[place])]
            found.append((float(score), box + points))
    kept: list[tuple[float, list[float]]] = []
    for score, face in sorted(found, key=lambda entry: -entry[0]):
        if all(overlap(face, other) <= most_overlap for _, other in kept):
            kept.append((score, face))
    return kept


def overlap(one: list[float], other: list[float]) -> float:
    width = min(one[0] + one[2], other[0] + other[2]) - max(one[0], other[0])
    height = min(one[1] + one[3], other[1] + other[3]) - max(one[1], other[1])
    shared = max(0.0, width) * max(0.0, height)
    return shared / (one[2] * one[3] + other[2] * other[3] - shared)


@pytest.mark.parametrize("seed", [4, 5, 6])
def test_outputs_are_read_as_the_reference_reads_them(seed: int) -> None:
    outputs = drawn(seed)
    expected = faces_of(outputs, threshold=0.5, most_overlap=0.4)
    found = Scrfd(PerImage(Drawn(outputs))).detect(np.zeros((HEIGHT, WIDTH, 3), np.uint8))
    assert len(found) == len(expected) > 10
    for detection, (score, numbers) in zip(found, expected, strict=True):
        box = detection.box
        told = [box.x, box.y, box.width, box.height, *detection.landmarks.as_array().ravel()]
        assert detection.score == pytest.approx(score, abs=1e-6)
        np.testing.assert_allclose(told, numbers, atol=1e-3)


def test_an_image_is_fed_in_rgb_around_zero_and_padded_to_whole_strides() -> None:
    session = Drawn(drawn())
    image = np.full((70, 110, 3), (255, 127, 0), np.uint8)
    Scrfd(PerImage(session)).detect(image)
    (fed,) = session.fed
    assert fed.shape == (1, 3, HEIGHT, WIDTH)
    np.testing.assert_allclose(fed[0, :, 0, 0], [127.5 / 128, -0.5 / 128, -127.5 / 128])
    np.testing.assert_allclose(fed[0, :, -1, -1], [-127.5 / 128] * 3)


def test_a_file_of_one_size_is_fed_that_size() -> None:
    session = Drawn(drawn())
    Scrfd(PerImage(session), fixed_size=(HEIGHT, WIDTH)).detect(np.zeros((600, 300, 3), np.uint8))
    (fed,) = session.fed
    assert fed.shape == (1, 3, HEIGHT, WIDTH)


@pytest.mark.parametrize("size", [None, (640, 640)])
def test_a_file_in_the_form_of_scrfd_finds_what_the_network_in_it_does(
    size: tuple[int, int] | None, tmp_path: Path, cache_dir: Path
) -> None:
    file = own_detector(str(scrfd_of_yunet(tmp_path / "det.onnx", cache_dir, size)))
    usual = load_pipelines(cache_dir, photo_side=640).plain
    other = load_pipelines(cache_dir, photo_side=640, chosen=Chosen(detector=file)).plain
    for photo in (astronaut(), group_photo()):
        expected, found = usual.detect(photo), other.detect(photo)
        # SCRFD's threshold is lower: what it finds beside the same faces is less certain than any of them.
        assert len(found) >= len(expected) > 0
        for one, same in zip(expected, found, strict=False):
            np.testing.assert_allclose(same.landmarks.as_array(), one.landmarks.as_array(), atol=0.05)
            assert same.score == pytest.approx(one.score, abs=1e-4)
            assert same.box.intersection_over_union(one.box) > 0.999


@pytest.mark.parametrize("missing", ["8c", "16b", "32a"])
def test_other_outputs_are_refused(missing: str) -> None:
    outputs = {name: array for name, array in drawn().items() if name != missing}
    with pytest.raises(ModelError, match="Take a file whose name has kps in it"):
        check_outputs(Drawn(outputs), "det.onnx", (HEIGHT, WIDTH))


def test_a_network_that_takes_no_image_is_refused() -> None:
    class Failing:
        def run(self, batch: NDArray[np.float32]) -> Outputs:
            raise RuntimeError("shape")

    with pytest.raises(ModelError, match="it is no detector"):
        check_outputs(Failing(), "det.onnx")
