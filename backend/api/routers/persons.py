"""`GET /persons` and the actions of `POST /person`."""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, File, Form, Request, UploadFile

from backend.api.deps import CallerDep, ServicesDep, SlotsDep
from backend.api.errors import COMMON_RESPONSES
from backend.api.idempotency import UNDERWAY_RESPONSE, IdempotentRoute
from backend.api.replies import camera_reply, enrolment_reply, identification_reply
from backend.api.uploads import image_of, photos_of
from backend.container.services import Services
from backend.domain.access import Caller, Scope
from backend.domain.errors import InvalidField, NotAllowed
from backend.domain.person import composed
from backend.schemas.cameras import CameraStatusReply
from backend.schemas.persons import AddReply, PersonEntry, PersonList, RemoveReply, RetrieveReply

Action = Literal["add", "retrieve", "remove", "camera_status"]


class _PersonRoute(IdempotentRoute):
    """`POST /person` creates something where it enrols."""

    async def creates(self, request: Request) -> bool:
        """Whether it does; see IdempotentRoute."""
        return (await request.form()).get("action") == "add"


router = APIRouter(tags=["persons"], route_class=_PersonRoute, responses=COMMON_RESPONSES)


async def _person_id_as_sent(request: Request) -> str | None:
    """The field as it was sent: the framework takes an empty one for none, and a script's unset variable is neither."""
    sent = (await request.form()).get("person_id")
    return sent if isinstance(sent, str) else None


@router.get("/persons")
def persons(services: ServicesDep) -> PersonList:
    """List everybody enrolled, sorted by id."""
    people = services.recognition.gallery.people()
    entries = [PersonEntry(person_id=person.person_id, embeddings=person.embeddings) for person in people]
    return PersonList(persons=entries, total=len(entries))


@router.post("/person", responses=UNDERWAY_RESPONSE)
def person(
    services: ServicesDep,
    caller: CallerDep,
    slots: SlotsDep,
    id_as_sent: Annotated[str | None, Depends(_person_id_as_sent)],
    action: Annotated[Action, Form(description="What to do.")],
    person_id: Annotated[str | None, Form(description="For `add` (a new person without it) and `remove`.")] = None,
    image: Annotated[list[UploadFile] | None, File(description="Once or more for `add`, once for `retrieve`.")] = None,
    camera_id: Annotated[str | None, Form(description="For `camera_status`.")] = None,
) -> AddReply | RetrieveReply | RemoveReply | CameraStatusReply:
    """Enrol a person, identify a face, remove a person, or ask how a camera is doing."""
    match action:
        case "add":
            _check_may_enrol(caller)
            with slots.taken():
                return _add(services, id_as_sent, image or [])
        case "retrieve":
            with slots.taken():
                return _retrieve(services, image or [])
        case "remove":
            _check_may_enrol(caller)
            return _remove(services, person_id)
        case "camera_status":
            return _camera_status(services, camera_id)


def _check_may_enrol(caller: Caller) -> None:
    # The route's own rule is that of its other actions: which one is meant is known only now.
    if not caller.may(Scope.ENROL):
        raise NotAllowed(Scope.ENROL)


def _add(services: Services, person_id: str | None, images: list[UploadFile]) -> AddReply:
    photos = photos_of(services, images, "image")
    return enrolment_reply(services.recognition.enroller.enrol(person_id, photos))


def _retrieve(services: Services, images: list[UploadFile]) -> RetrieveReply:
    if len(images) != 1:
        raise InvalidField("image", "action=retrieve needs exactly one image.")
    identifier = services.recognition.identifier
    faces = identifier.identify_image(image_of(services, images[0]))
    return identification_reply(faces, identifier.rule.threshold, identifier.model)


def _remove(services: Services, person_id: str | None) -> RemoveReply:
    if not person_id:
        raise InvalidField("person_id", "action=remove needs a person_id.")
    known_as = composed(person_id)
    return RemoveReply(person_id=known_as, removed=services.recognition.gallery.remove(known_as))


def _camera_status(services: Services, camera_id: str | None) -> CameraStatusReply:
    if not camera_id:
        raise InvalidField("camera_id", "action=camera_status needs a camera_id.")
    camera = services.schedule.camera(camera_id)
    reply = camera_reply(camera, services.schedule.status(camera_id))
    return CameraStatusReply(**reply.model_dump())
