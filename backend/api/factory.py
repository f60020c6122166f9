"""Builds the web application: what stands around the routes."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import TypedDict

from anyio import to_thread
from fastapi import FastAPI
from fastapi.routing import APIRoute
from fastapi_offline import FastAPIOffline
from starlette.middleware.cors import CORSMiddleware
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from backend.api.access import RouteTable, needs
from backend.api.attempts import FailedAttempts
from backend.api.broken_off import BrokenOff
from backend.api.compat import compreface, deepstack
from backend.api.deps import bearer
from backend.api.documenting import complete_document
from backend.api.edits import EditLock
from backend.api.errors import StartupErrors, install_error_handlers
from backend.api.headers import SecurityHeaders
from backend.api.limits import BodyLimit
from backend.api.measuring import RequestMetrics
from backend.api.patience import BodyPatience
from backend.api.request_id import HEADER, RequestIds
from backend.api.routers import cameras, channels, deliveries, health, persons, profiles, rules, sightings, telegram
from backend.api.security import OPEN_PATHS, BearerAuth, Policy
from backend.api.slots import Slots
from backend.api.standing import WriteProbe
from backend.api.stopping import Stopping
from backend.api.v1 import audit, events, export, jobs, keys, models, recognition, sightings_table
from backend.api.v1 import persons as v1_persons
from backend.container.services import OpenServices, Services, open_services
from backend.domain.access import Scope
from backend.settings import Settings, parts_of

OVERHEAD_BYTES = 2**20
"""What a request may hold beside its images: fields, and the boundaries between parts."""

ROUTERS = (
    # `POST /person` asks by itself for what enrolling takes.
    (persons.router, needs(Scope.READ)),
    (cameras.router, needs(Scope.READ, change=Scope.CAMERAS)),
    (sightings.router, needs(Scope.READ)),
    (telegram.router, needs(Scope.CAMERAS)),
    (profiles.router, needs(Scope.READ, change=Scope.ENROL)),
    (rules.router, needs(Scope.READ, change=Scope.CAMERAS)),
    (channels.router, needs(Scope.READ, change=Scope.CAMERAS)),
    (deliveries.router, needs(Scope.READ, change=Scope.CAMERAS)),
    (health.metrics_router, needs(Scope.READ)),
)
"""The description's routes and what comes with them, each with the scopes that it takes."""
V1_ROUTERS = (
    (recognition.router, needs(Scope.READ)),
    (v1_persons.router, needs(Scope.READ, change=Scope.ENROL)),
    (profiles.router, needs(Scope.READ, change=Scope.ENROL)),
    (cameras.router, needs(Scope.READ, change=Scope.CAMERAS)),
    (sightings_table.router, needs(Scope.READ)),
    (events.router, needs(Scope.READ)),
    (jobs.router, needs(Scope.READ, change=Scope.ENROL)),
    (models.router, needs(Scope.READ)),
    (export.router, needs(Scope.ADMIN)),
    (sightings.router, needs(Scope.READ)),
    (rules.router, needs(Scope.READ, change=Scope.CAMERAS)),
    (channels.router, needs(Scope.READ, change=Scope.CAMERAS)),
    (deliveries.router, needs(Scope.READ, change=Scope.CAMERAS)),
    (keys.router, needs(Scope.ADMIN)),
    (audit.router, needs(Scope.ADMIN)),
)
"""The routes of `/v1`, each with the scopes that it takes."""

COMPATIBLE_ROUTERS = (
    # What only recognises, and yet is sent by POST, says so itself.
    (compreface.router, needs(Scope.READ, change=Scope.ENROL)),
    (deepstack.router, needs(Scope.READ)),
)
"""The routes of other face servers' clients, each with the scopes that it takes."""


class State(TypedDict):
    """What the application's life gives to its requests."""

    services: Services
    slots: Slots
    write_probe: WriteProbe
    edits: EditLock
    stopping: Stopping


def create_app(settings: Settings, opened: OpenServices = open_services) -> FastAPI:
    """The application with these settings; its services live from startup to shutdown."""

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[State]:
        services, stopping = opened(settings), Stopping()
        # In threads: loading models and stopping cameras block, and the loop must go on answering signals.
        state = State(
            services=await to_thread.run_sync(services.__enter__),
            slots=Slots(settings.max_recognitions),
            write_probe=WriteProbe(),
            edits=EditLock(),
            stopping=stopping,
        )
        try:
            with stopping.heard():
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
    for router, rule in ROUTERS:
        app.include_router(router, dependencies=[bearer, rule])
    for router, rule in V1_ROUTERS:
        app.include_router(router, prefix="/v1", dependencies=[bearer, rule])
    for router, rule in COMPATIBLE_ROUTERS:
        app.include_router(router, dependencies=[bearer, rule])
    app.include_router(health.router)
    complete_document(app)
    # The last one added meets the request first.
    app.add_middleware(BodyPatience, seconds=settings.request_seconds)
    app.add_middleware(
        BodyLimit,
        max_form_bytes=settings.max_images * settings.max_image_bytes + OVERHEAD_BYTES,
        # One image as base64, which makes four bytes of three.
        max_document_bytes=settings.max_image_bytes * 4 // 3 + OVERHEAD_BYTES,
    )
    policy = Policy(
        token=settings.auth_token.get_secret_value(),
        attempts=FailedAttempts(settings.max_failed_attempts),
        open_paths=OPEN_PATHS | {"/metrics"} if settings.metrics_open else OPEN_PATHS,
    )
    app.add_middleware(BearerAuth, policy=policy, routes=lambda: RouteTable(app.routes))
    app.add_middleware(BrokenOff)
    app.add_middleware(RequestMetrics)
    app.add_middleware(RequestIds)
    _open_to_others(app, settings)
    app.add_middleware(StartupErrors)
    return app


def _open_to_others(app: FastAPI, settings: Settings) -> None:
    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=parts_of(settings.cors_origins),
            allow_methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
            # Named one by one: to a browser the wildcard does not cover Authorization.
            allow_headers=["Authorization", "Content-Type", "Idempotency-Key", "If-Match", HEADER],
            expose_headers=["ETag", "Retry-After", HEADER],
        )
    app.add_middleware(SecurityHeaders)
    if settings.trusted_proxies:
        app.add_middleware(ProxyHeadersMiddleware, trusted_hosts=parts_of(settings.trusted_proxies))


def _operation_id(route: APIRoute) -> str:
    # A router may be served both with and without the version in front of it.
    return f"v1_{route.name}" if route.path_format.startswith("/v1/") else route.name
