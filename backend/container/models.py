"""The models as the settings want them, on the runtime that they name."""

from pathlib import Path

from backend.domain.errors import ConfigurationError
from backend.domain.meter import NO_METER, Meter
from backend.settings import LocalSettings
from backend.storage import data_folder
from backend.vision.conventions import Thresholds
from backend.vision.devices import open_runtime
from backend.vision.engine import InferenceEngine
from backend.vision.loading import Chosen, Mirroring, Pipelines, Workshop, load_pipelines
from backend.vision.loading import open_workshop as workshop
from backend.vision.own_files import own_detector, own_embedder
from backend.vision.runtime import Runtime


def load_models(
    settings: LocalSettings,
    runtime: Runtime | None = None,
    engine: InferenceEngine | None = None,
    meter: Meter = NO_METER,
    chosen: Chosen | None = None,
) -> Pipelines:
    """The models as the settings want them, or those `chosen`.

    Raises ModelError and ConfigurationError, with what to do, where that cannot be.
    """
    mirroring = Mirroring(settings.mirror_enrol, settings.mirror_search)
    runtime = runtime or runtime_of(settings)
    return load_pipelines(
        model_cache(settings),
        settings.model_dir,
        runtime,
        mirroring=mirroring,
        engine=engine,
        precision=settings.precision,
        meter=meter,
        chosen=chosen_models(settings) if chosen is None else chosen,
    )


def chosen_models(settings: LocalSettings) -> Chosen:
    """The models that the settings name; raises ConfigurationError, with what to do, for what is none."""
    embedder, detector = settings.model_file, settings.detector_file
    return Chosen(
        None if embedder is None else own_embedder(embedder, settings.model_convention, settings.model_dir),
        None if detector is None else own_detector(detector, settings.model_dir),
    )


def thresholds_of(settings: LocalSettings, own: Thresholds) -> Thresholds:
    """The thresholds of the settings and, where they say nothing, the model's `own`."""
    identify, margin, verify = settings.identify_threshold, settings.identify_margin, settings.verify_threshold
    return Thresholds(
        identify=own.identify if identify is None else identify,
        margin=own.margin if margin is None else margin,
        verify=own.verify if verify is None else verify,
    )


def open_workshop(settings: LocalSettings) -> Workshop:
    """What forms of the embedder are made and measured with, on this machine's device; raises ModelError as above."""
    data_folder.prepare(settings.data_dir)
    if settings.model_file is not None or settings.detector_file is not None:
        raise ConfigurationError("Only SFace is made int8: take MODEL_FILE and DETECTOR_FILE away first.")
    return workshop(model_cache(settings), settings.model_dir, runtime_of(settings))


def runtime_of(settings: LocalSettings) -> Runtime:
    """What runs the models on the device that the settings name; raises ConfigurationError where there is none such."""
    return open_runtime(settings.device, settings.threads or None, model_cache(settings), settings.model_dir)


def model_cache(settings: LocalSettings) -> Path:
    """Where models are kept as the engines read them."""
    return settings.data_dir / "models"
