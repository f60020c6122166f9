"""What the routes need, as annotated aliases, so that their signatures read as sentences.

They are all `async`, though they wait for nothing: one that is not would be handed to a thread, and waited for.
"""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPBearer

from backend.api.slots import Slots
from backend.api.stopping import Stopping
from backend.cameras.schedule import Schedule
from backend.container.services import Services
from backend.domain.access import Caller
from backend.notifications.channel_list import ChannelList
from backend.notifications.rulebook import Rulebook
from backend.recognition.enrol import Enroller
from backend.recognition.identify import Identifier
from backend.storage.database import Database

bearer = Depends(HTTPBearer(auto_error=False, description="The server's AUTH_TOKEN, or an API key."))
"""Tells the OpenAPI document of the token; `security.BearerAuth` is what asks for it."""


async def _services(request: Request) -> Services:
    services: Services = request.state.services
    return services.of_this_moment()


ServicesDep = Annotated[Services, Depends(_services)]


async def _enroller(services: ServicesDep) -> Enroller:
    return services.recognition.enroller


async def _identifier(services: ServicesDep) -> Identifier:
    return services.recognition.identifier


async def _schedule(services: ServicesDep) -> Schedule:
    return services.schedule


async def _database(services: ServicesDep) -> Database:
    return services.recognition.database


async def _rulebook(services: ServicesDep) -> Rulebook:
    return services.rulebook


async def _channel_list(services: ServicesDep) -> ChannelList:
    return services.channels


EnrollerDep = Annotated[Enroller, Depends(_enroller)]
IdentifierDep = Annotated[Identifier, Depends(_identifier)]
ScheduleDep = Annotated[Schedule, Depends(_schedule)]
RulebookDep = Annotated[Rulebook, Depends(_rulebook)]
DatabaseDep = Annotated[Database, Depends(_database)]
ChannelListDep = Annotated[ChannelList, Depends(_channel_list)]


async def _slots(request: Request) -> Slots:
    slots: Slots = request.state.slots
    return slots


SlotsDep = Annotated[Slots, Depends(_slots)]


async def _stopping(request: Request) -> Stopping:
    stopping: Stopping = request.state.stopping
    return stopping


StoppingDep = Annotated[Stopping, Depends(_stopping)]


async def _caller(request: Request) -> Caller:
    caller: Caller = request.state.caller
    return caller


CallerDep = Annotated[Caller, Depends(_caller)]


async def _recognition_slot(slots: SlotsDep) -> AsyncIterator[None]:
    with slots.taken():
        yield


RecognitionSlot = Annotated[None, Depends(_recognition_slot)]
"""A place among the recognitions that run at once; without one the request is answered 503."""
