"""Runs in the environment of CompreFace's client: does the calls that come in, one line each, and prints the answers.

A call is JSON: {"of": "recognition.subjects", "call": "add", "with": {"subject": "alice"}}.
"""

import json
import sys
from functools import reduce

from compreface import CompreFace


def main() -> None:
    """Answer until the input ends."""
    domain, port, key = sys.argv[1:]
    compreface = CompreFace(domain, port)
    compreface.init_face_recognition(key)
    compreface.init_face_detection(key)
    compreface.init_face_verification(key)
    for line in sys.stdin:
        wanted = json.loads(line)
        service = reduce(getattr, wanted["of"].split("."), compreface)
        answer = getattr(service, wanted["call"])(**wanted["with"])
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
