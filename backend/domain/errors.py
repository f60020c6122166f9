"""Every error Face Server raises on purpose, as one tree.

FaceServerError
├── ConfigurationError           a setting is missing or makes no sense
├── InvalidInput                 the caller sent something that cannot be used
│   ├── InvalidField             one named field is wrong
│   ├── KeyReused                another request had the same Idempotency-Key
│   ├── NothingEnrolled          no photo of an enrolment can be used
│   └── ImageRejected            an image cannot be used …
│       ├── InvalidImage         … it cannot be decoded
│       ├── ImageTooLarge        … it exceeds the limit of bytes or pixels
│       ├── UnsupportedFormat    … it is no picture format we read
│       ├── FaceNotFound         … it shows no face
│       ├── MultipleFaces        … it shows several faces of like size
│       ├── FaceTooSmall         … its face has too few pixels
│       ├── LowQuality           … its face is too blurred, dark or turned away
│       ├── Duplicate            … it is already enrolled
│       └── IdentityConflict     … it shows somebody else of the gallery
├── NotFound
│   ├── PersonNotFound
│   ├── TemplateNotFound
│   ├── CameraNotFound
│   ├── SightingNotFound
│   ├── RuleNotFound
│   ├── MuteNotFound
│   ├── ChannelNotFound
│   ├── DeliveryNotFound
│   ├── JobNotFound
│   └── KeyNotFound
├── NotAllowed                   the caller's key lacks the scope that this takes
├── PersonExists                 a new person was to have an id that is taken
├── ChangedMeanwhile             what was to be changed is not as it was read
├── RequestUnderway              the same request is being done already
├── Busy                         more is asked at once than can be done
├── ShuttingDown                 the service stops, and nothing new is begun
├── ModelMismatch                templates of two models were to be compared
├── ModelError                   weights are missing, damaged or give wrong answers
├── StorageError                 the database or the picture folder cannot be used
├── StreamError                  a video source cannot be read …
│   ├── StreamUnreachable        … nothing answers at its address
│   ├── StreamUnauthorised       … it refuses the credentials
│   ├── StreamTimeout            … it stopped sending
│   └── StreamUnreadable         … it sends no video that can be decoded
└── DeliveryError                a message was not delivered …
    ├── DeliveryDelayed          … and may be tried again
    └── DeliveryRefused          … and never will be
"""

from typing import ClassVar, TypeAlias, TypedDict


class RefusedPhoto(TypedDict):
    """A photo of an enrolment that cannot be used, as it is told."""

    index: int
    """Its place among those that were sent, from 0."""
    filename: str
    code: str
    message: str
    measured: float | None
    """What was measured of it, where a limit was missed."""
    required: float | None
    """What it should have been."""


Detail: TypeAlias = str | int | float | bool | list[RefusedPhoto] | None


class FaceServerError(Exception):
    """The root of the tree: a stable `code`, a sentence for people, and the facts behind it."""

    code: ClassVar[str] = "error"

    def __init__(self, message: str, **details: Detail) -> None:
        """Keep the sentence and its facts; neither may hold a password or a token."""
        super().__init__(message)
        self.message = message
        self.details = details


class ConfigurationError(FaceServerError):
    """A setting is missing or makes no sense."""

    code = "configuration_error"


class InvalidInput(FaceServerError):
    """The caller sent something that cannot be used."""

    code = "invalid_input"


class InvalidField(InvalidInput):
    """One named field is wrong."""

    code = "invalid_field"

    def __init__(self, field: str, message: str, index: int | None = None) -> None:
        """Name the `field`, and the `index` of the object it belongs to where several were sent."""
        super().__init__(message, field=field, index=index)


class KeyReused(InvalidInput):
    """Another request was sent with the same Idempotency-Key."""

    code = "idempotency_key_reused"


class NothingEnrolled(InvalidInput):
    """No photo of an enrolment can be used."""

    code = "nothing_enrolled"

    def __init__(self, rejected: list[RefusedPhoto]) -> None:
        """Keep what is told of each photo."""
        super().__init__("None of the photos can be used; each says why.", rejected=rejected)
        self.rejected = rejected


class ImageRejected(InvalidInput):
    """An image cannot be used."""

    code = "image_rejected"


class InvalidImage(ImageRejected):
    """The bytes cannot be decoded as a picture."""

    code = "invalid_image"


class ImageTooLarge(ImageRejected):
    """The file has too many bytes or the picture too many pixels."""

    code = "image_too_large"


class UnsupportedFormat(ImageRejected):
    """The file is of no picture format that is read here."""

    code = "unsupported_format"


class FaceNotFound(ImageRejected):
    """The picture shows no face."""

    code = "face_not_found"


class MultipleFaces(ImageRejected):
    """The picture shows several faces and none stands out."""

    code = "multiple_faces"


class FaceTooSmall(ImageRejected):
    """The face has too few pixels to be recognised."""

    code = "face_too_small"


class LowQuality(ImageRejected):
    """The face is too blurred, too dark, too bright or turned too far away."""

    code = "low_quality"


class Duplicate(ImageRejected):
    """The same picture is already enrolled for this person."""

    code = "duplicate"


class IdentityConflict(ImageRejected):
    """The face is recognised as somebody else who is enrolled."""

    code = "identity_conflict"


class NotFound(FaceServerError):
    """Something that was named does not exist."""

    code = "not_found"


class PersonNotFound(NotFound):
    """No person of that id is enrolled."""

    code = "person_not_found"

    def __init__(self, person_id: str) -> None:
        """Name the person that was asked for."""
        super().__init__(f"No person '{person_id}' is enrolled.", person_id=person_id)


class TemplateNotFound(NotFound):
    """No template of that id is kept, or its picture is not."""

    code = "template_not_found"


class CameraNotFound(NotFound):
    """No camera of that id is scheduled."""

    code = "camera_not_found"

    def __init__(self, camera_id: str) -> None:
        """Name the camera that was asked for."""
        super().__init__(f"No camera '{camera_id}' is scheduled.", camera_id=camera_id)


class SightingNotFound(NotFound):
    """No sighting of that id is stored, or its picture is gone."""

    code = "sighting_not_found"


class PersonExists(FaceServerError):
    """A new person was to have an id that somebody else has."""

    code = "person_exists"

    def __init__(self, person_id: str) -> None:
        """Name the id that is taken."""
        super().__init__(f"A person '{person_id}' is enrolled already.", person_id=person_id)


class ChangedMeanwhile(FaceServerError):
    """What was to be changed is not as it was when it was read."""

    code = "changed_meanwhile"


class RequestUnderway(FaceServerError):
    """The same request, by its Idempotency-Key, is being done already."""

    code = "request_underway"


class Busy(FaceServerError):
    """More is asked at once than can be done; the same request may succeed in a moment."""

    code = "busy"


class ShuttingDown(FaceServerError):
    """The service stops, and nothing new is begun."""

    code = "shutting_down"

    def __init__(self) -> None:
        """Say so."""
        super().__init__("The server is shutting down.")


class RuleNotFound(NotFound):
    """No rule of that id is kept, or it is a camera's own."""

    code = "rule_not_found"

    def __init__(self, rule_id: str) -> None:
        """Name the rule that was asked for."""
        super().__init__(f"There is no rule '{rule_id}' that could be changed here.", rule_id=rule_id)


class MuteNotFound(NotFound):
    """No mute of that id is kept."""

    code = "mute_not_found"

    def __init__(self, mute_id: str) -> None:
        """Name the mute that was asked for."""
        super().__init__(f"There is no mute '{mute_id}'.", mute_id=mute_id)


class ChannelNotFound(NotFound):
    """No channel of that id is kept."""

    code = "channel_not_found"

    def __init__(self, channel_id: str) -> None:
        """Name the channel that was asked for."""
        super().__init__(f"There is no channel '{channel_id}'.", channel_id=channel_id)


class DeliveryNotFound(NotFound):
    """No delivery of that id is kept, or it was not given up."""

    code = "delivery_not_found"

    def __init__(self, delivery_id: str) -> None:
        """Name the delivery that was asked for."""
        super().__init__(f"There is no delivery '{delivery_id}' that was given up.", delivery_id=delivery_id)


class JobNotFound(NotFound):
    """No job of that id is kept."""

    code = "job_not_found"


class KeyNotFound(NotFound):
    """No key of that id is kept, or it is revoked already."""

    code = "key_not_found"

    def __init__(self, key_id: str) -> None:
        """Name the key that was asked for."""
        super().__init__(f"There is no key '{key_id}' that could be revoked.", key_id=key_id)


class NotAllowed(FaceServerError):
    """The caller's key lacks the scope that this takes."""

    code = "scope_missing"

    def __init__(self, scope: str) -> None:
        """Name the scope that is wanted."""
        super().__init__(f"This takes a key with the scope '{scope}'.", scope=scope)


class ModelMismatch(FaceServerError):
    """Templates of two different models were to be compared."""

    code = "model_mismatch"

    def __init__(self, expected: str, actual: str) -> None:
        """Name the model whose templates are searched and the one that was offered."""
        message = f"A template of model '{actual}' cannot be compared with templates of model '{expected}'."
        super().__init__(message, expected=expected, actual=actual)


class ModelError(FaceServerError):
    """Model weights are missing, damaged or give wrong answers."""

    code = "model_error"


class StorageError(FaceServerError):
    """The database or the picture folder cannot be used."""

    code = "storage_error"


class StreamError(FaceServerError):
    """A video source cannot be read."""

    code = "stream_error"


class StreamUnreachable(StreamError):
    """Nothing answers at the source's address."""

    code = "stream_unreachable"


class StreamUnauthorised(StreamError):
    """The source refuses the user name or password."""

    code = "stream_unauthorised"


class StreamTimeout(StreamError):
    """The source is connected but stopped sending."""

    code = "stream_timeout"


class StreamUnreadable(StreamError):
    """The source sends no video that can be decoded."""

    code = "stream_unreadable"


class DeliveryError(FaceServerError):
    """A message was not delivered."""

    code = "delivery_error"


class DeliveryDelayed(DeliveryError):
    """A message was not delivered now and may be tried again."""

    code = "delivery_delayed"

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        """Keep how many seconds the channel asked us to wait, if it said so."""
        super().__init__(message, retry_after=retry_after)
        self.retry_after = retry_after


class DeliveryRefused(DeliveryError):
    """A message was refused for good: trying again cannot help."""

    code = "delivery_refused"
