"""OpenCV's way from a picture file to names, as a peer in a process of its own: a line of JSON is answered with a line.

It is started by `face-server bench engine`, with the files of both models and the number of threads.
"""

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from backend.evaluation.speed import Span, noted

_SCORE = 0.6


class OpenCvPeer:
    """`FaceDetectorYN` and `FaceRecognizerSF` as OpenCV's own sample uses them."""

    THRESHOLD = 0.363
    """OpenCV's own, for the cosine."""

    def __init__(self, detector: Path, recogniser: Path, threads: int) -> None:
        """Use these weights, in so many threads (which OpenCV keeps for the whole process)."""
        cv2.setNumThreads(threads)
        self._find = cv2.FaceDetectorYN.create(str(detector), "", (320, 320), _SCORE)
        self._embed = cv2.FaceRecognizerSF.create(str(recogniser), "")
        self._names: list[str] = []
        self._gallery = np.empty((0, 128), np.float32)

    def enrol(self, photos: Mapping[str, str]) -> None:
        """Keep the first face of each photo."""
        for name, photo in photos.items():
            features = self._features(photo)
            if features:
                self._names.append(name)
                self._gallery = np.vstack((self._gallery, features[0]))

    def identify(self, photo: str) -> list[str | None]:
        """Who is in the photo, one entry a face."""
        return [self._nearest(feature) for feature in self._features(photo)]

    def _features(self, photo: str) -> list[NDArray[np.float32]]:
        picture = cv2.imdecode(np.fromfile(photo, np.uint8), cv2.IMREAD_COLOR)
        if picture is None:
            return []
        height, width = picture.shape[:2]
        self._find.setInputSize((width, height))
        _, faces = self._find.detect(picture)
        features = [
            self._embed.feature(self._embed.alignCrop(picture, face))[0]
            for face in (faces if faces is not None else ())
        ]
        return [np.asarray(feature / np.linalg.norm(feature), np.float32) for feature in features]

    def _nearest(self, feature: NDArray[np.float32]) -> str | None:
        if not self._names:
            return None
        similarities = self._gallery @ feature
        best = int(np.argmax(similarities))
        return self._names[best] if similarities[best] >= self.THRESHOLD else None


def answers(peer: OpenCvPeer, questions: Iterator[str]) -> Iterator[dict[str, Any]]:
    """What the peer says to each line."""
    yield {"version": cv2.__version__}
    for line in questions:
        question = json.loads(line)
        if "enrol" in question:
            peer.enrol(question["enrol"])
            yield {}
        else:
            spans: dict[str, Span] = {}
            with noted(spans, "identify"):
                people = peer.identify(question["identify"])
            span = spans["identify"]
            yield {"people": people, "seconds": span.seconds, "cpu_seconds": span.cpu_seconds}


def main(detector: str, recogniser: str, threads: str) -> None:
    """Answer standard input on standard output until it ends."""
    for answer in answers(OpenCvPeer(Path(detector), Path(recogniser), int(threads)), sys.stdin):
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
