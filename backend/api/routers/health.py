"""Whether the service lives and can serve; open to everybody, so it tells nothing of anybody."""

from fastapi import APIRouter

from backend.api.deps import ServicesDep
from backend.api.errors import COMMON_RESPONSES
from backend.schemas.health import Health, Readiness

router = APIRouter(tags=["health"])


@router.get("/healthz")
async def healthz() -> Health:
    """Answer that the process is alive."""
    return Health()


@router.get("/readyz", responses={503: COMMON_RESPONSES[503]})
def readyz(services: ServicesDep) -> Readiness:
    """Answer that people can be identified: the database reads and the models passed their self-test."""
    recognition = services.recognition
    recognition.gallery.check_readable()
    return Readiness(model=recognition.gallery.model, device=recognition.device)
