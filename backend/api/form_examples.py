"""What forms look like, for the API's own document; a file's name stands for the file."""

from collections.abc import Mapping
from typing import Any

PORTRAIT, PARTY, ARCHIVE = "portrait.jpg", "party.jpg", "photos.zip"
CAMERA_ID = "01M82FT3N4T9B5WJ1V8X7C6D5E"

FORM_EXAMPLES: Mapping[str, tuple[Mapping[str, Any], ...]] = {
    "Body_person": (
        {"action": "add", "person_id": "alice", "image": [PORTRAIT]},
        {"action": "retrieve", "image": [PARTY]},
        {"action": "remove", "person_id": "alice"},
        {"action": "camera_status", "camera_id": CAMERA_ID},
    ),
    "Body_v1_identify": ({"images": [PARTY], "limit": 5, "threshold": 0.5, "group": ["family"]},),
    "Body_v1_verify": ({"image": PARTY, "other": PORTRAIT}, {"image": PARTY, "person_id": "alice"}),
    "Body_v1_detect": ({"image": PARTY},),
    "Body_v1_embed": ({"image": PARTY},),
    "Body_v1_add_faces": ({"images": [PORTRAIT], "quality": "standard", "dry_run": False, "allow_conflict": False},),
    "Body_v1_begin_import": ({"archive": ARCHIVE}, {"photos": ["alice/1.jpg", "bob/1.jpg"]}),
}
"""By the names that the document gives the forms."""
