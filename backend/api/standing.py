"""How things stand: what `/readyz` and `/metrics` tell."""

import shutil
import threading
import time
from collections import Counter
from datetime import UTC, datetime
from importlib.metadata import version

from backend.api.slots import Slots
from backend.container.services import Services
from backend.domain.camera import CameraState, CameraStatus
from backend.metrics import Standing
from backend.recognition.reembedding import progress_sentence
from backend.storage import outbox, people, templates

WRITE_EVERY_SECONDS = 5.0
"""How often it is tried whether the database can be written: anybody may ask, and each try wears a memory card."""
LATE_SECONDS = 600.0
"""From when a message that waits is worth a word."""


class WriteProbe:
    """Tries now and then whether the database can be written; safe to use from any thread."""

    def __init__(self) -> None:
        """Begin with a try."""
        self._trying = threading.Lock()
        self._succeeded_at: float | None = None

    def check(self, services: Services) -> None:
        """Raise StorageError where the database cannot be written; a success counts for some seconds."""
        with self._trying:
            if self._succeeded_at is None or time.monotonic() - self._succeeded_at >= WRITE_EVERY_SECONDS:
                self._succeeded_at = None
                services.recognition.gallery.check_writable()
                self._succeeded_at = time.monotonic()


def disk_free_bytes(services: Services) -> int:
    """How much room is left where the data is."""
    return shutil.disk_usage(services.settings.data_dir).free


def degraded(services: Services) -> list[str]:
    """What works less well than it should, in sentences that tell nothing of anybody."""
    told = [
        progress_sentence(services.reembedder.progress),
        _about_disk(services),
        _about_cameras(_statuses(services)),
        _about_outbox(services),
    ]
    return [sentence for sentence in told if sentence is not None]


def standing(services: Services, slots: Slots) -> Standing:
    """Everything that is counted elsewhere."""
    statuses, engine = _statuses(services), services.recognition.engine.figures()
    progress = services.reembedder.progress
    with services.recognition.database.read() as tx:
        enrolled, known = people.count(tx), templates.count_all(tx)
        waiting, oldest = outbox.backlog(tx)
        results = outbox.attempts_by_outcome(tx)
    return Standing(
        model=services.recognition.gallery.model,
        device=services.recognition.device,
        version=version("face-server"),
        people=enrolled,
        templates=known,
        cameras={**dict.fromkeys(CameraState, 0), **Counter(status.state for status in statuses)},
        cameras_degraded=sum(bool(status.degraded) for status in statuses),
        frames_analysed=sum(status.counts.frames_analysed for status in statuses),
        frames_lost={
            "overtaken": sum(status.counts.frames_dropped for status in statuses),
            "damaged": sum(status.counts.frames_damaged for status in statuses),
            "failed": sum(status.counts.frames_failed for status in statuses),
        },
        camera_seconds={
            "decode": sum(status.counts.decode_ms for status in statuses) / 1000,
            "inference": sum(status.counts.inference_ms for status in statuses) / 1000,
        },
        batches={
            (model, size): count for model, figures in engine.models.items() for size, count in figures.batches.items()
        },
        engine_waiting=engine.waiting,
        reembedding={"done": progress.done, "waiting": progress.total - progress.done, "lost": progress.without_face},
        waiting=waiting,
        waiting_seconds=_age(oldest),
        deliveries={"delivered": 0, "delayed": 0, "failed": 0, **results},
        slots=slots.count,
        slots_taken=slots.taken_now,
        disk_free_bytes=disk_free_bytes(services),
    )


def _statuses(services: Services) -> list[CameraStatus]:
    return [services.schedule.status(camera.camera_id) for camera in services.schedule.cameras()]


def _age(moment: datetime | None) -> float:
    return 0.0 if moment is None else max(0.0, (datetime.now(UTC) - moment).total_seconds())


def _about_disk(services: Services) -> str | None:
    free, least = disk_free_bytes(services) // 2**20, services.settings.min_free_mb
    return f"Only {free} MB are left on the disk; {least} MB are wanted." if free < least else None


def _about_cameras(statuses: list[CameraStatus]) -> str | None:
    blind = sum(status.state is not CameraState.STREAMING for status in statuses)
    worse = sum(bool(status.degraded) for status in statuses)
    if blind:
        return f"{blind} of {len(statuses)} cameras show nothing now."
    return f"{worse} of {len(statuses)} cameras are watched less well than they should be." if worse else None


def _about_outbox(services: Services) -> str | None:
    with services.recognition.database.read() as tx:
        count, oldest = outbox.backlog(tx)
    age = _age(oldest)
    return f"{count} messages wait to be delivered, for up to {age / 60:.0f} minutes." if age > LATE_SECONDS else None
