"""Uploaded files to photos, never reading more of one than may be used."""

from collections.abc import Iterator

from fastapi import UploadFile

from backend.container.services import Services
from backend.domain.errors import InvalidField
from backend.domain.geometry import RgbImage
from backend.recognition.enrol import Photo


def photo_of(services: Services, file: UploadFile) -> Photo:
    """The file's bytes, and one more than is allowed where it is too large: enough to see that."""
    return Photo(file.filename or "image", file.file.read(services.recognition.limits.max_bytes + 1))


def photos_of(services: Services, files: list[UploadFile], field: str) -> Iterator[Photo]:
    """The files' bytes, each read when it is its turn: together they may be more than fits in memory.

    Raises InvalidField at once for none and for too many.
    """
    most = services.settings.max_images
    if not 1 <= len(files) <= most:
        raise InvalidField(field, f"A request carries between 1 and {most} images.")
    return (photo_of(services, file) for file in files)


def image_of(services: Services, file: UploadFile) -> RgbImage:
    """The decoded picture; raises ImageRejected."""
    return services.recognition.decode(photo_of(services, file).data)
