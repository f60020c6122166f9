"""What the audit log keeps, in words."""

from collections.abc import Mapping
from datetime import datetime, tzinfo

from backend.domain.audit import Deed
from backend.schemas.audit import AuditReply
from backend.ui.phrases import clock, count, plain

LABELS: Mapping[Deed, str] = {
    Deed.PERSON_CREATED: "Person added",
    Deed.PERSON_ENROLLED: "Faces enrolled",
    Deed.PERSON_CHANGED: "Person described anew",
    Deed.PERSON_RENAMED: "Person renamed",
    Deed.PERSON_MERGED: "People merged",
    Deed.PERSON_REMOVED: "Person removed",
    Deed.PERSON_DENIED: "Recognition denied",
    Deed.FACE_REMOVED: "Faces removed",
    Deed.GALLERY_EXPORTED: "People exported",
    Deed.GALLERY_IMPORTED: "People imported",
    Deed.SIGHTING_NAMED: "Sighting named",
    Deed.CAMERA_SCHEDULED: "Camera added",
    Deed.CAMERA_CHANGED: "Camera changed",
    Deed.CAMERA_REMOVED: "Camera removed",
    Deed.RULE_ADDED: "Rule added",
    Deed.RULE_CHANGED: "Rule changed",
    Deed.RULE_REMOVED: "Rule removed",
    Deed.MUTE_ADDED: "Muted",
    Deed.MUTE_REMOVED: "Mute ended",
    Deed.ARMING_CHANGED: "Armed or disarmed",
    Deed.CHANNEL_ADDED: "Channel added",
    Deed.CHANNEL_CHANGED: "Channel changed",
    Deed.CHANNEL_REMOVED: "Channel removed",
    Deed.DELIVERY_RETRIED: "Message sent again",
    Deed.MODEL_CHANGED: "Model changed",
    Deed.KEY_CREATED: "Key made",
    Deed.KEY_REVOKED: "Key revoked",
}
"""Each kind of deed, short."""

_SENTENCES: Mapping[Deed, tuple[str, ...]] = {
    Deed.PERSON_CREATED: ("Added {subject}, without a face yet",),
    Deed.PERSON_ENROLLED: ("Enrolled {faces} of {subject}", "Enrolled {subject}"),
    Deed.PERSON_CHANGED: ("Changed the {fields} of {subject}", "Changed {subject}"),
    Deed.PERSON_RENAMED: ("Renamed {subject} to {new_id}", "Renamed {subject}"),
    Deed.PERSON_MERGED: ("Merged {subject} into {into}", "Merged {subject} into somebody else"),
    Deed.PERSON_REMOVED: ("Removed {subject}: {people}", "Removed {subject} with {faces}", "Removed {subject}"),
    Deed.PERSON_DENIED: ("Said that a face is not that of {subject}",),
    Deed.FACE_REMOVED: (
        "Removed {templates} of {subject}",
        "Removed face {face_id} of {subject}",
        "Removed a face of {subject}",
    ),
    Deed.GALLERY_EXPORTED: ("Exported {people}, made with the model {subject}", "Exported everybody"),
    Deed.GALLERY_IMPORTED: ("Imported {subject} with {templates}", "Imported {subject}"),
    Deed.SIGHTING_NAMED: ("Named a sighting {person_id}", "Took the name off a sighting"),
    Deed.CAMERA_SCHEDULED: ("Added the camera {nickname}", "Added the camera {subject}"),
    Deed.CAMERA_CHANGED: ("Changed the camera {nickname}", "Changed the camera {subject}"),
    Deed.CAMERA_REMOVED: ("Removed the camera {nickname}", "Removed the camera {subject}"),
    Deed.RULE_ADDED: ("Added the rule {name}", "Added the rule {subject}"),
    Deed.RULE_CHANGED: ("Changed the rule {name}", "Changed the rule {subject}"),
    Deed.RULE_REMOVED: ("Removed the rule {name}", "Removed the rule {subject}"),
    Deed.MUTE_ADDED: ("Muted messages until {until}", "Muted messages"),
    Deed.MUTE_REMOVED: ("Ended a mute",),
    Deed.ARMING_CHANGED: ("{armed} the house", "Armed or disarmed the house"),
    Deed.CHANNEL_ADDED: ("Added the channel {name}", "Added the channel {subject}"),
    Deed.CHANNEL_CHANGED: ("Changed the channel {name}", "Changed the channel {subject}"),
    Deed.CHANNEL_REMOVED: ("Removed the channel {name}", "Removed the channel {subject}"),
    Deed.DELIVERY_RETRIED: ("Sent the message {subject} again",),
    Deed.MODEL_CHANGED: ("Made the gallery anew by {subject}, before {former}", "Made the gallery anew by {subject}"),
    Deed.KEY_CREATED: ("Made the key {name} for {scopes}", "Made the key {subject}"),
    Deed.KEY_REVOKED: ("Revoked the key {name}", "Revoked the key {subject}"),
}
"""The first whose facts are all known is said; the last of each takes none."""
_COUNTED: Mapping[str, tuple[str, str]] = {
    "faces": ("face", "faces"),
    "templates": ("face", "faces"),
    "people": ("person", "people"),
}
_ACTORS: Mapping[str, str] = {
    "administrator": "Administrator",
    "command line": "Command line",
    "server": "The server itself",
}
_EVERYBODY = "*"


def deed_said(entry: AuditReply, zone_: tzinfo, now: datetime) -> str:
    """What was done, as Markdown; times are told in that zone."""
    facts = {name: _said(name, value, zone_, now) for name, value in entry.facts.items() if value is not None}
    facts["subject"] = "everybody" if entry.subject == _EVERYBODY else _bold(entry.subject)
    for sentence in _SENTENCES[entry.deed]:
        try:
            return sentence.format_map(facts)
        except KeyError:
            continue
    return plain(f"{LABELS[entry.deed]}: {entry.subject}")


def actor_said(entry: AuditReply) -> str:
    """Who did it, as Markdown; a key may be called anything, and so is always called a key."""
    if entry.key_id is not None:
        return f"Key {_bold(entry.actor)}"
    return _ACTORS.get(entry.actor) or plain(entry.actor)


def _said(name: str, value: str | int | bool, zone_: tzinfo, now: datetime) -> str:
    if name == "armed":
        return "Armed" if value else "Disarmed"
    if name in _COUNTED:
        return count(int(value), *_COUNTED[name])
    if name == "until":
        return clock(datetime.fromisoformat(str(value)), zone_, now)
    if name == "fields":
        return plain(str(value).replace("_", " "))
    return plain(str(value)) if name == "scopes" else _bold(str(value))


def _bold(text: str) -> str:
    return f"**{plain(text)}**"
