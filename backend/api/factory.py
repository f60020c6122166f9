"""Builds the web application: what stands around the routes."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager, asynccontextmanager
from importlib.metadata import version
from typing import TypedDict

from anyio import to_thread
from fastapi import FastAPI
from fastapi.routing import APIRoute
from fastapi_offline import FastAPIOffline

from backend.api.compat import compreface, deepstack
from backend.api.deps import bearer
from backend.api.edits import EditLock
from backend.api.errors import StartupErrors, install_error_handlers
from backend.api.limits import BodyLimit
from backend.api.request_id import RequestIds
from backend.api.routers import cameras, channels, deliveries, health, persons, profiles, rules, sightings, telegram
from backend.api.security import BearerAuth
from backend.api.slots import Slots
from backend.api.v1 import events, export, jobs, recognition, sightings_table
from backend.api.v1 import persons as v1_persons
from backend.container import Services, open_services
from backend.settings import Settings

OVERHEAD_BYTES = 2**20
"""What a request may hold beside its images: fields, and the boundaries between parts."""

OpenServices = Callable[[Settings], AbstractContextManager[Services]]


class State(TypedDict):
    """What the application's life gives to its requests."""

    services: Services
    slots: Slots
    edits: EditLock


def create_app(settings: Settings, opened: OpenServices = open_services) -> FastAPI:
    """The application with these settings; its services live from startup to shutdown."""

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[State]:
        services = opened(settings)
        # In threads: loading models and stopping cameras block, and the loop must go on answering signals.
        state = State(
            services=await to_thread.run_sync(services.__enter__),
            slots=Slots(settings.max_recognitions),
            edits=EditLock(),
        )
        try:
            yield state
        finally:
            await to_thread.run_sync(services.__exit__, None, None, None)

    app = FastAPIOffline(
        title="Face Server",
        summary="A local service that knows faces: enrol people, identify them, watch cameras.",
        version=version("face-server"),
        lifespan=lifespan,
        static_url="/docs/assets",
        redoc_url=None,
        generate_unique_id_function=_operation_id,
    )
    install_error_handlers(app)
    for router in (
        persons.router,
        cameras.router,
        sightings.router,
        telegram.router,
        profiles.router,
        rules.router,
        channels.router,
        deliveries.router,
    ):
        app.include_router(router, dependencies=[bearer])
    for router in (
        recognition.router,
        v1_persons.router,
        profiles.router,
        cameras.router,
        sightings_table.router,
        events.router,
        jobs.router,
        export.router,
        sightings.router,
        rules.router,
        channels.router,
        deliveries.router,
    ):
        app.include_router(router, prefix="/v1", dependencies=[bearer])
    for router in (compreface.router, deepstack.router):
        app.include_router(router, dependencies=[bearer])
    app.include_router(health.router)
    # The last one added meets the request first.
    app.add_middleware(
        BodyLimit,
        max_form_bytes=settings.max_images * settings.max_image_bytes + OVERHEAD_BYTES,
        # One image as base64, which makes four bytes of three.
        max_document_bytes=settings.max_image_bytes * 4 // 3 + OVERHEAD_BYTES,
    )
    app.add_middleware(BearerAuth, token=settings.auth_token.get_secret_value())
    app.add_middleware(RequestIds)
    app.add_middleware(StartupErrors)
    return app


def _operation_id(route: APIRoute) -> str:
    # A router may be served both with and without the version in front of it.
    return f"v1_{route.name}" if route.path_format.startswith("/v1/") else route.name
