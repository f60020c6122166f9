"""People and their faces."""

from typing import Annotated

from fastapi import APIRouter, Depends, File, Form, Query, Request, Response, UploadFile
from fastapi import Path as PathParameter

from backend.api.deps import RecognitionSlot, ServicesDep
from backend.api.errors import COMMON_RESPONSES
from backend.api.idempotency import IdempotentRoute
from backend.api.paging import Paging, PagingDep, paged
from backend.api.pictures import PICTURE_RESPONSES, picture_response
from backend.api.referring import answer
from backend.api.routers.profiles import profile_reply
from backend.api.uploads import photos_of
from backend.container.services import Services
from backend.domain.person import Person, checked_person_id, composed
from backend.recognition.enrol import Enrolment, EnrolmentRule, EnrolmentWish, describe
from backend.schemas.errors import ErrorReply
from backend.schemas.faces import (
    AcceptedPhoto,
    EnrolledPhotos,
    FaceEntry,
    FaceList,
    FaceRemoved,
    Merging,
    NewPerson,
    PersonPage,
    PersonRemoved,
    QualityMode,
    Renaming,
)
from backend.schemas.persons import RejectedPhoto
from backend.schemas.profiles import Profile
from backend.storage.ids import new_id
from backend.storage.templates import TemplateEntry

router = APIRouter(
    prefix="/persons",
    tags=["persons"],
    route_class=IdempotentRoute,
    responses=COMMON_RESPONSES
    | {409: answer(ErrorReply) | {"description": "The id is taken, or the same request is being done"}},
)

PersonId = Annotated[str, PathParameter(description="The person's id.")]
FaceId = Annotated[str, PathParameter(description="The template's id.")]


@router.get("")
def list_people(
    services: ServicesDep,
    paging: Annotated[Paging, Depends(paged(usually=50, most=200))],
    search: Annotated[str, Query(max_length=128, description="Part of an id or display name.")] = "",
) -> PersonPage:
    """List the people, sorted by id."""
    wanted = [person for person in services.recognition.gallery.people() if _is_called(person, search)]
    page, cursor = paging.page(wanted, lambda person: (person.person_id,))
    return PersonPage(persons=[profile_reply(person) for person in page], total=len(wanted), next_cursor=cursor)


@router.post("", status_code=201)
def create_person(services: ServicesDep, wanted: NewPerson) -> Profile:
    """Enrol somebody who has no photo yet."""
    person_id = new_id() if wanted.person_id is None else checked_person_id(wanted.person_id)
    groups = tuple(sorted(set(wanted.groups)))
    created = services.recognition.gallery.create(
        person_id, display_name=wanted.display_name, note=wanted.note, groups=groups
    )
    return profile_reply(created)


@router.delete("/{person_id}")
def remove_person(services: ServicesDep, person_id: PersonId) -> PersonRemoved:
    """Remove a person with all templates; sightings stay."""
    known_as = composed(person_id)
    return PersonRemoved(person_id=known_as, removed=services.recognition.gallery.remove(known_as))


@router.post("/{person_id}/rename")
def rename_person(services: ServicesDep, person_id: PersonId, wanted: Renaming) -> Profile:
    """Give a person another id; templates, groups and sightings follow."""
    renamed = checked_person_id(wanted.person_id)
    services.recognition.gallery.rename(composed(person_id), renamed)
    return profile_reply(services.recognition.gallery.person(renamed))


@router.post("/{person_id}/merge")
def merge_person(services: ServicesDep, person_id: PersonId, wanted: Merging) -> Profile:
    """Give everything of a person to another, and remove the first."""
    into = composed(wanted.into)
    services.recognition.gallery.merge(composed(person_id), into)
    return profile_reply(services.recognition.gallery.person(into))


@router.get("/{person_id}/faces")
def list_faces(services: ServicesDep, person_id: PersonId, paging: PagingDep) -> FaceList:
    """List a person's templates, in the order of enrolment."""
    entries = services.recognition.gallery.templates_of(composed(person_id))
    page, cursor = paging.page(entries, lambda entry: (entry.template_id,))
    return FaceList(faces=[_face_entry(entry) for entry in page], total=len(entries), next_cursor=cursor)


@router.post("/{person_id}/faces")
def add_faces(
    services: ServicesDep,
    _slot: RecognitionSlot,
    person_id: PersonId,
    images: Annotated[list[UploadFile], File(description="One photo, or several.")],
    quality: Annotated[QualityMode, Form(description="How good a photo must be.")] = "standard",
    dry_run: Annotated[bool, Form(description="Judge the photos and keep nothing.")] = False,
    allow_conflict: Annotated[bool, Form(description="Take a face that looks like somebody else's.")] = False,
) -> EnrolledPhotos:
    """Enrol photos of a person, who is made where there is nobody of that id."""
    wish = EnrolmentWish(
        rule=_rule(services, quality),
        dry_run=dry_run,
        conflict_from=None if allow_conflict else services.recognition.identifier.rule.threshold,
    )
    enrolment = services.recognition.enroller.enrol(person_id, photos_of(services, images, "images"), wish)
    return _enrolled(enrolment, dry_run)


@router.get(
    "/{person_id}/faces/{face_id}/picture",
    response_class=Response,
    responses={200: {"content": {"image/png": {}}, "description": "The aligned face, 112×112"}, **PICTURE_RESPONSES},
)
def face_picture(services: ServicesDep, request: Request, person_id: PersonId, face_id: FaceId) -> Response:
    """Answer the aligned face that a template was made of, as PNG."""
    png = services.recognition.gallery.crop(composed(person_id), face_id)
    # A template's picture never changes: its id is all that tells it from another.
    return picture_response(request, png, "image/png", face_id)


@router.delete("/{person_id}/faces/{face_id}")
def remove_face(services: ServicesDep, person_id: PersonId, face_id: FaceId) -> FaceRemoved:
    """Remove one template of a person."""
    services.recognition.gallery.remove_template(composed(person_id), face_id)
    return FaceRemoved(face_id=face_id)


def _rule(services: Services, quality: QualityMode) -> EnrolmentRule:
    standard = services.recognition.enroller.rule
    match quality:
        case "off":
            return EnrolmentRule(min_face_size=0, min_quality=0)
        case "low":
            return EnrolmentRule(standard.min_face_size / 2, standard.min_quality / 2)
        case "strict":
            return EnrolmentRule(standard.min_face_size * 2, (1 + standard.min_quality) / 2)
        case "standard":
            return standard


def _is_called(person: Person, search: str) -> bool:
    sought = composed(search).casefold()
    return sought in person.person_id.casefold() or sought in (person.display_name or "").casefold()


def _face_entry(entry: TemplateEntry) -> FaceEntry:
    path = f"/v1/persons/{entry.person_id}/faces/{entry.template_id}/picture" if entry.has_crop else None
    return FaceEntry(
        face_id=entry.template_id,
        model=entry.model,
        quality=entry.quality,
        source_name=entry.source_name,
        created_at=entry.created_at,
        picture=path,
    )


def _enrolled(enrolment: Enrolment, dry_run: bool) -> EnrolledPhotos:
    return EnrolledPhotos(
        person_id=enrolment.person_id,
        dry_run=dry_run,
        accepted=[
            AcceptedPhoto(index=photo.index, filename=photo.filename, face_id=photo.template_id, quality=photo.quality)
            for photo in enrolment.accepted
        ],
        rejected=[RejectedPhoto.model_validate(describe(rejection)) for rejection in enrolment.rejected],
        embeddings=enrolment.embeddings,
    )
