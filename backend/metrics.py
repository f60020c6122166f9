"""What the server tells Prometheus: counted while it works, or looked up when it is asked."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from backend.domain.identity import Decision
from backend.domain.meter import Stage

CONTENT_TYPE = CONTENT_TYPE_LATEST
_STAGE_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
_REQUEST_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_SIMILARITIES = tuple(step / 20 for step in range(-4, 20))
"""-0.2 to 0.95: below it strangers are alike, above it photos are."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How things stand at this moment."""

    model: str
    device: str
    version: str
    people: int
    templates: int
    cameras: Mapping[str, int]
    """How many by state."""
    cameras_degraded: int
    """How many are watched less well than they should be: without the hardware that is to decode, say."""
    frames_analysed: int
    frames_lost: Mapping[str, int]
    """How many by reason, since each camera's worker started."""
    camera_seconds: Mapping[str, float]
    """What decoding (processor time) and recognition (by the clock) took, since each camera's worker started."""
    batches: Mapping[tuple[str, int], int]
    """How many batches the inference engine computed, by model and size."""
    engine_waiting: int
    """Calls that wait for their turn at the models."""
    reembedding: Mapping[str, int]
    """Templates of other models than the wanted one: made anew, still to be, and those that cannot be."""
    waiting: int
    """Messages in the outbox."""
    waiting_seconds: float
    """For how long the oldest of them has waited."""
    deliveries: Mapping[str, int]
    """How many attempts by result."""
    slots: int
    slots_taken: int
    disk_free_bytes: int


class Metrics:
    """Counts and measures; safe to use from any thread."""

    def __init__(self) -> None:
        """Begin at zero, in a registry of its own: two servers in one process do not mix."""
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "face_server_http_requests", "Requests.", ("method", "route", "status"), registry=self._registry
        )
        self._request_seconds = Histogram(
            "face_server_http_request_seconds",
            "From a request to the beginning of its answer.",
            ("route",),
            buckets=_REQUEST_SECONDS,
            registry=self._registry,
        )
        self._stage_seconds = Histogram(
            "face_server_stage_seconds",
            "A stage of recognition, once for an image.",
            ("stage",),
            buckets=_STAGE_SECONDS,
            registry=self._registry,
        )
        self._similarity = Histogram(
            "face_server_similarity",
            "Of each face to the person most like it.",
            ("decision",),
            buckets=_SIMILARITIES,
            registry=self._registry,
        )
        for stage in Stage:
            # Shown from the start, so that a dashboard has something to show.
            self._stage_seconds.labels(stage)

    def took(self, stage: Stage, seconds: float) -> None:
        """A stage was gone through once."""
        self._stage_seconds.labels(stage).observe(seconds)

    def decided(self, decision: Decision) -> None:
        """A face was judged; one in an empty gallery is like nobody and not counted."""
        if decision.candidates:
            self._similarity.labels(decision.verdict).observe(decision.candidates[0].similarity)

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """A request was answered, as far as its status and headers."""
        self._requests.labels(method, route, str(status)).inc()
        self._request_seconds.labels(route).observe(seconds)

    def exposition(self, standing: Standing) -> bytes:
        """Everything in Prometheus' text format."""
        now = CollectorRegistry()
        now.register(_Now(standing))
        return generate_latest(self._registry) + generate_latest(now)


class _Now(Collector):
    """How things stand, as Prometheus takes it."""

    def __init__(self, standing: Standing) -> None:
        self._standing = standing

    def collect(self) -> Iterator[Metric]:
        """Every gauge, and the counters that are kept elsewhere."""
        now = self._standing
        about = {"version": now.version, "model": now.model, "device": now.device}
        yield _labelled(GaugeMetricFamily("face_server_info", "What runs.", labels=list(about)), [(about.values(), 1)])
        yield GaugeMetricFamily("face_server_people", "Enrolled people.", now.people)
        yield GaugeMetricFamily("face_server_templates", "Templates in the gallery.", now.templates)
        yield _by("face_server_cameras", "Cameras by state.", "state", now.cameras)
        yield GaugeMetricFamily(
            "face_server_cameras_degraded", "Cameras watched worse than wanted.", now.cameras_degraded
        )
        yield _counted("face_server_camera_seconds", "Decoding and recognition.", "stage", now.camera_seconds)
        yield _batches(now.batches)
        yield GaugeMetricFamily("face_server_engine_waiting", "Calls that wait for the models.", now.engine_waiting)
        yield _by("face_server_reembedding", "Templates of another model, by state.", "state", now.reembedding)
        yield CounterMetricFamily("face_server_frames_analysed", "Frames looked at.", now.frames_analysed)
        yield _counted("face_server_frames_lost", "Frames not looked at, by reason.", "reason", now.frames_lost)
        yield GaugeMetricFamily("face_server_outbox_waiting", "Messages that wait to be delivered.", now.waiting)
        yield GaugeMetricFamily("face_server_outbox_oldest_seconds", "Age of the oldest of them.", now.waiting_seconds)
        yield _counted("face_server_deliveries", "Attempts to deliver, by result.", "result", now.deliveries)
        yield GaugeMetricFamily("face_server_recognition_slots", "Recognitions that may run at once.", now.slots)
        yield GaugeMetricFamily("face_server_recognition_slots_taken", "Recognitions that run now.", now.slots_taken)
        yield GaugeMetricFamily("face_server_disk_free_bytes", "Room left for the data.", now.disk_free_bytes)


def _by(name: str, text: str, label: str, values: Mapping[str, int]) -> Metric:
    return _labelled(GaugeMetricFamily(name, text, labels=[label]), (((key,), value) for key, value in values.items()))


def _batches(batches: Mapping[tuple[str, int], int]) -> Metric:
    family = CounterMetricFamily("face_server_batches", "Batches of images by size.", labels=["model", "size"])
    return _labelled(family, (((model, str(size)), count) for (model, size), count in batches.items()))


def _counted(name: str, text: str, label: str, values: Mapping[str, float]) -> Metric:
    family = CounterMetricFamily(name, text, labels=[label])
    return _labelled(family, (((key,), value) for key, value in values.items()))


def _labelled(
    family: GaugeMetricFamily | CounterMetricFamily, samples: Iterable[tuple[Iterable[str], float]]
) -> Metric:
    for labels, value in samples:
        family.add_metric(list(labels), value)
    return family
