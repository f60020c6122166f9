"""Taking in what somebody brings: an archive of photos, or everything of everybody from another server."""

import zipfile
from collections.abc import Sequence
from dataclasses import dataclass

from backend.domain.errors import InvalidField
from backend.gallery.gallery import Gallery
from backend.recognition.archive import import_archive, is_export, people_in
from backend.recognition.enrol import Enroller
from backend.recognition.imports import Goes, Progress, import_photos
from backend.recognition.photo_trees import PersonPhoto, check_archive, photos_in_archive


@dataclass(frozen=True, slots=True)
class Intake:
    """Where what is brought goes, and how large it may be."""

    gallery: Gallery
    enroller: Enroller
    dimensions: int
    """How long the model's embeddings are."""
    max_bytes: int
    """Of a photo."""

    def count(self, archive: zipfile.ZipFile) -> int:
        """How many photos an archive has, or people; raises InvalidField for one that is not taken in."""
        check_archive(archive)
        return len(people_in(archive) if is_export(archive) else _some(photos_in_archive(archive)))

    def archive(self, archive: zipfile.ZipFile, goes: Goes) -> Progress:
        """Take in an archive until `goes` says no; raises InvalidField as `count`."""
        check_archive(archive)
        if is_export(archive):
            return import_archive(self.gallery, self.dimensions, archive, goes)
        return self.photos(photos_in_archive(archive), goes)

    def photos(self, photos: Sequence[PersonPhoto], goes: Goes) -> Progress:
        """Enrol photos until `goes` says no; raises InvalidField where there are none."""
        return import_photos(self.enroller, _some(photos), self.max_bytes, goes)


def _some(photos: Sequence[PersonPhoto]) -> Sequence[PersonPhoto]:
    if not photos:
        raise InvalidField("archive", "There is no photo of anybody in it, such as NAME/photo.jpg.")
    return photos
