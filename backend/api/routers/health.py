"""Whether the service lives and can serve, open to everybody and silent about anybody; and what it counts."""

from fastapi import APIRouter, Request, Response

from backend.api.deps import ServicesDep, SlotsDep
from backend.api.errors import COMMON_RESPONSES
from backend.api.standing import WriteProbe, degraded, disk_free_bytes, standing
from backend.metrics import CONTENT_TYPE
from backend.schemas.health import Health, Readiness

router = APIRouter(tags=["health"])
metrics_router = APIRouter(tags=["health"], responses=COMMON_RESPONSES)


@router.get("/healthz")
async def healthz() -> Health:
    """Answer that the process is alive."""
    return Health()


@router.get("/readyz", responses={503: COMMON_RESPONSES[503]})
def readyz(request: Request, services: ServicesDep) -> Readiness:
    """Answer that people can be identified: the database can be written, the models passed their self-test."""
    recognition = services.recognition
    recognition.gallery.check_readable()
    probe: WriteProbe = request.state.write_probe
    probe.check(services)
    return Readiness(
        model=recognition.gallery.model,
        device=recognition.device,
        disk_free_mb=disk_free_bytes(services) // 2**20,
        degraded=degraded(services),
    )


@metrics_router.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
def metrics(services: ServicesDep, slots: SlotsDep) -> Response:
    """Answer what Prometheus collects: requests, stages, similarities, cameras, messages."""
    return Response(services.metrics.exposition(standing(services, slots)), headers={"Content-Type": CONTENT_TYPE})
