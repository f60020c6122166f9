"""Photos from the person at the browser: chosen as files or taken with the webcam."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain, count
from pathlib import PurePath

import streamlit as st
from streamlit.typing import UploadedFile

from backend.client import Photo

_FILES, _WEBCAM = "Files", "Webcam"
_SUFFIXES = ("jpg", "jpeg", "png", "webp", "heic", "heif", "bmp", "tif", "tiff")
_ICONS = {_FILES: ":material/upload_file:", _WEBCAM: ":material/photo_camera:"}


@dataclass(frozen=True, slots=True)
class Chosen:
    """The photos that have been given so far."""

    files: list[UploadedFile]
    by_webcam: bool


def chosen_photos(key: str, *, several: bool) -> Chosen:
    """Offer the two ways to give photos, and return what has been given; a new `key` begins afresh."""
    source = st.segmented_control(
        "Photos from" if several else "Photo from",
        (_FILES, _WEBCAM),
        default=_FILES,
        required=True,
        key=f"source-{key.partition('-')[0]}",
        format_func=lambda name: f"{_ICONS[name]} {name}",
        label_visibility="collapsed",
    )
    if source == _WEBCAM:
        taken = st.camera_input("Take a picture", key=f"webcam-{key}", resolution="720p")
        st.caption("Browsers open the webcam only for pages on this machine (localhost) or over HTTPS.")
        return Chosen([] if taken is None else [taken], by_webcam=True)
    if several:
        files = st.file_uploader("Photos", _SUFFIXES, accept_multiple_files=True, key=f"files-{key}")
        return Chosen(files, by_webcam=False)
    file = st.file_uploader("Photo", _SUFFIXES, key=f"files-{key}")
    return Chosen([] if file is None else [file], by_webcam=False)


def distinctly_named(files: Iterable[tuple[str, bytes]]) -> list[Photo]:
    """The photos, with a number added to names that come twice: the server tells of photos by their names."""
    photos: dict[str, Photo] = {}
    for name, content in files:
        path = PurePath(name)
        numbered = (f"{path.stem} ({number}){path.suffix}" for number in count(2))
        unique = next(other for other in chain((name,), numbered) if other not in photos)
        photos[unique] = Photo(unique, content)
    return list(photos.values())
