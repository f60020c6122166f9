"""What other servers' clients send and are answered, for the API's own document."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from backend.schemas import compreface, deepstack

_IMAGE_ID = "6b135f5b-a365-4522-b1f1-4c9ac2dd0728"
_BOX = {"probability": 0.93, "x_max": 340, "y_max": 256, "x_min": 212, "y_min": 96}
_FACE = {"box": _BOX}
_SAVED = {"image_id": _IMAGE_ID, "subject": "alice"}
_CORNERS = {"x_min": 212, "y_min": 96, "x_max": 340, "y_max": 256}
_TIMED = {"success": True, "code": 200, "count": 1, "duration": 41, "inferenceMs": 41, "processMs": 41}

COMPATIBLE_EXAMPLES: Mapping[type[BaseModel], dict[str, Any]] = {
    compreface.CompreFaceError: {"message": "No face is found in the given image", "code": 28},
    compreface.SubjectRequest: {"subject": "alice"},
    compreface.SubjectReply: {"subject": "alice"},
    compreface.SubjectList: {"subjects": ["alice", "bob"]},
    compreface.Updated: {"updated": True},
    compreface.Deleted: {"deleted": 2},
    compreface.Example: _SAVED,
    compreface.ExamplePage: {
        "faces": [_SAVED],
        "page_number": 0,
        "page_size": 20,
        "total_pages": 1,
        "total_elements": 1,
    },
    compreface.Detection: {"result": [_FACE]},
    compreface.Recognition: {"result": [{**_FACE, "subjects": [{"subject": "alice", "similarity": 0.71}]}]},
    compreface.Comparison: {"result": [{**_FACE, "similarity": 0.71}]},
    compreface.Verification: {
        "result": [{"source_image_face": _FACE, "face_matches": [{**_FACE, "similarity": 0.71}]}]
    },
    deepstack.DeepStackError: {"success": False, "error": "No valid image file found", "code": 400},
    deepstack.Done: {"success": True, "code": 200},
    deepstack.Registered: {"success": True, "code": 200, "message": "face added"},
    deepstack.Users: {"success": True, "code": 200, "faces": ["alice", "bob"]},
    deepstack.Similarity: {"success": True, "code": 200, "similarity": 0.81},
    deepstack.DetectedFaces: {**_TIMED, "predictions": [{"confidence": 0.93, **_CORNERS}]},
    deepstack.RecognisedFaces: {**_TIMED, "predictions": [{"userid": "alice", "confidence": 0.81, **_CORNERS}]},
}
"""One for each body of JSON, by its model."""
