"""What went wrong, in words that say what to do about it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import streamlit as st
from pydantic import ValidationError

from backend.client import ClientError, Forbidden, ServerFailed, Unauthorised, UnexpectedAnswer, Unreachable
from backend.schemas.persons import RejectedPhoto
from backend.ui.phrases import plain

_REMEDIES: Mapping[type[ClientError], tuple[str, str]] = {
    Unreachable: (
        "The server does not answer.",
        "Start it with `make serve` or `docker compose up -d`; this page comes back by itself. If it runs elsewhere, "
        "set `UTILITIES_URL` and `CAMERA_SCHEDULER_URL` in `.env` and start this UI again.",
    ),
    Unauthorised: (
        "The server asks for a token.",
        "Paste the value of `AUTH_TOKEN` from the server's `.env` into **Access token** in the sidebar, or put it into "
        "the `.env` that this UI reads.",
    ),
    Forbidden: (
        "The server refuses this token.",
        "Compare it with `AUTH_TOKEN` in the server's `.env`: paste that value into **Access token** in the sidebar. "
        "After a change of `.env`, both the server and this UI have to be started again.",
    ),
    ServerFailed: ("The server could not do this.", "Try again in a moment; the reason is in the server's log."),
    UnexpectedAnswer: (
        "This is not Face Server.",
        "Something else answers at this address. `UTILITIES_URL` must be the full address of the server's `/person` "
        "and `CAMERA_SCHEDULER_URL` that of its `/cameras/schedule`.",
    ),
}

_ADVICE: Mapping[str, str] = {
    "invalid_image": "The file is damaged or no picture. Export it again as JPEG or PNG.",
    "image_too_large": "Scale the picture down and try again.",
    "unsupported_format": "Save it as JPEG, PNG, WebP, HEIC, BMP or TIFF.",
    "face_not_found": "Take a picture from the front, in good light, with the whole face in it.",
    "multiple_faces": "Crop the picture so that this one person is left, or clearly the largest.",
    "face_too_small": "Go closer, or use a picture of higher resolution.",
    "low_quality": "Use a sharper, evenly lit picture in which the person looks at the camera.",
    "identity_conflict": "Enrol it under that name, or remove the other person first if the name there is wrong.",
    "duplicate": "This picture is already enrolled. Another one, from another day or angle, helps more.",
}


_BY_CODE: Mapping[str, tuple[str, str]] = {
    "scope_missing": ("This key may not do this.", "Use one that has the scope, or the server's `AUTH_TOKEN`."),
    "key_revoked": ("This key opens nothing any more.", "Ask whoever runs the server for another."),
    "key_expired": ("This key opens nothing any more.", "Ask whoever runs the server for another."),
}


def explanation(error: ClientError) -> str:
    """The error as Markdown: what happened, what the server said, and what to do."""
    headline, remedy = _BY_CODE.get(error.code) or next(
        (words for kind, words in _REMEDIES.items() if isinstance(error, kind)),
        ("This was not accepted.", _ADVICE.get(error.code, "")),
    )
    reference = f"Request `{plain(error.request_id)}`." if isinstance(error, ServerFailed) and error.request_id else ""
    return "\n\n".join(part for part in (f"**{headline}** {plain(error.message)}", remedy, reference) if part)


def advice(photo: RejectedPhoto) -> str:
    """What to do about a photo that was not taken."""
    return _ADVICE[photo.code]


def faults(error: ValidationError, labels: Mapping[str, str]) -> list[str]:
    """What is wrong with a form, a sentence each, with the fields' labels; never what was typed: it may be secret."""
    return [_fault(_field(fault["loc"], labels), fault["msg"], labels) for fault in error.errors()]


def _field(place: tuple[int | str, ...], labels: Mapping[str, str]) -> str:
    """The innermost field on the way to a fault that has a label."""
    return next((str(part) for part in reversed(place) if part in labels), "")


def _fault(field: str, message: str, labels: Mapping[str, str]) -> str:
    sentence = message.removeprefix("Value error, ").rstrip(".")
    if "at least 1 character" in message or message == "Field required":
        sentence = "please fill this in"
    return f"{labels[field]}: {sentence}." if field in labels else f"{sentence}."


@contextmanager
def explained() -> Iterator[None]:
    """Show an error of the client in place of what follows, instead of failing."""
    try:
        yield
    except ClientError as error:
        show(error)
        st.stop()


def show(error: ClientError) -> None:
    """Show an error and what to do about it."""
    st.error(explanation(error), icon=":material/error:")
