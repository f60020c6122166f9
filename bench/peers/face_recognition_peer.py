"""`face_recognition` as its README uses it, for `face-server bench engine`: a line of JSON is answered with a line."""

import json
import sys
import time
from importlib.metadata import version
from typing import Any

import face_recognition

TOLERANCE = 0.6
"""face_recognition's own."""


def features(path: str) -> list[Any]:
    image = face_recognition.load_image_file(path)
    return face_recognition.face_encodings(image, face_recognition.face_locations(image))


def identify(path: str, names: list[str], gallery: list[Any]) -> list[str | None]:
    people: list[str | None] = []
    for feature in features(path):
        distances = face_recognition.face_distance(gallery, feature)
        best = int(distances.argmin()) if len(distances) else -1
        people.append(names[best] if best >= 0 and distances[best] <= TOLERANCE else None)
    return people


def main() -> None:
    answer({"version": f"{version('face_recognition')} with dlib {version('dlib-bin')}"})
    names: list[str] = []
    gallery: list[Any] = []
    for line in sys.stdin:
        question = json.loads(line)
        if "enrol" in question:
            for name, path in question["enrol"].items():
                for feature in features(path)[:1]:
                    names.append(name)
                    gallery.append(feature)
            answer({"enrolled": len(names)})
        else:
            began, cpu = time.perf_counter(), time.process_time()
            people = identify(question["identify"], names, gallery)
            answer({"people": people, "seconds": time.perf_counter() - began, "cpu_seconds": time.process_time() - cpu})


def answer(reply: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(reply) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
