"""The models: which are known, which answers, and how far the gallery is made anew by another one."""

from fastapi import APIRouter

from backend.api.deps import ServicesDep
from backend.api.errors import COMMON_RESPONSES
from backend.api.model_list import model_list
from backend.schemas.models import ModelList

router = APIRouter(prefix="/models", tags=["models"], responses=COMMON_RESPONSES)


@router.get("")
def list_models(services: ServicesDep) -> ModelList:
    """List the models with licence, source and use, how far the gallery is made anew, and who needs new photos."""
    recognition = services.recognition
    return model_list(
        recognition.database, services.reembedder.progress, recognition.pipelines.detector, services.settings.model_dir
    )
