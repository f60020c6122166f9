"""Domain values to replies."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from backend.cameras.doctor import Diagnosis
from backend.domain.access import ApiKey
from backend.domain.camera import Camera, CameraStatus, masked_link
from backend.domain.face import Face, GradedFace
from backend.domain.identity import Decision
from backend.domain.sighting import Sighting
from backend.recognition.enrol import Enrolment, describe
from backend.recognition.identify import IdentifiedFace, most_telling
from backend.schemas.cameras import CameraCheckReply, CameraCountsReply, CameraReply, CapacityReply, VideoReply
from backend.schemas.keys import KeyEntry
from backend.schemas.persons import (
    AddReply,
    BoxReply,
    CandidateReply,
    DetectedFace,
    FaceReply,
    LandmarksReply,
    QualityReply,
    RejectedPhoto,
    RetrieveReply,
)
from backend.schemas.sightings import SightingReply


def enrolment_reply(enrolment: Enrolment) -> AddReply:
    """What became of the photos of an enrolment."""
    return AddReply(
        person_id=enrolment.person_id,
        added=len(enrolment.accepted),
        embeddings=enrolment.embeddings,
        rejected=[RejectedPhoto.model_validate(describe(rejection)) for rejection in enrolment.rejected],
    )


def identification_reply(faces: list[IdentifiedFace], threshold: float, model: str) -> RetrieveReply:
    """Who is in an image, if anyone."""
    telling = most_telling(faces)
    return RetrieveReply(
        person_id=telling.decision.person_id if telling else None,
        similarity=telling.decision.similarity if telling else None,
        decision=telling.decision.verdict if telling else "no_face",
        threshold=threshold,
        model=model,
        faces=[face_reply(face) for face in faces],
    )


def detected_face(face: Face | GradedFace) -> DetectedFace:
    """Where a face is, and how useful."""
    return DetectedFace(
        box=BoxReply(**asdict(face.detection.box)),
        landmarks=LandmarksReply.model_validate(asdict(face.detection.landmarks)),
        detection_score=face.detection.score,
        quality=QualityReply(**asdict(face.quality)),
    )


def candidate_replies(decision: Decision, limit: int) -> list[CandidateReply]:
    """The best candidates of a decision, at most `limit`."""
    return [CandidateReply(**asdict(candidate)) for candidate in decision.candidates[:limit]]


def face_reply(identified: IdentifiedFace, limit: int = 5) -> FaceReply:
    """One face and its decision, with at most `limit` candidates."""
    decision = identified.decision
    return FaceReply(
        **dict(detected_face(identified.face)),
        decision=decision.verdict,
        person_id=decision.person_id,
        similarity=decision.similarity,
        margin=decision.margin,
        candidates=candidate_replies(decision, limit),
    )


def camera_reply(camera: Camera, status: CameraStatus) -> CameraReply:
    """A camera and how it is doing, without its secrets."""
    return CameraReply(
        camera_id=camera.camera_id,
        camera_nickname=camera.nickname,
        rtsp_link=masked_link(camera.link),
        threshold=camera.threshold,
        cooldown_seconds=camera.cooldown_seconds,
        notify_unknown=camera.notify_unknown,
        telegram=camera.channel_id is not None,
        state=status.state,
        fps_read=round(status.fps_read, 2),
        fps_analysed=round(status.fps_analysed, 2),
        last_frame_at=status.last_frame_at,
        last_error=status.last_error,
        degraded=list(status.degraded),
        detail_link=masked_link(camera.detail_link) if camera.detail_link else None,
        analysis_fps=camera.analysis_fps,
        region=[(corner.x, corner.y) for corner in camera.region.corners] if camera.region else None,
        min_face_size=camera.min_face_size,
        counts=CameraCountsReply(**asdict(status.counts)),
    )


def check_reply(diagnosis: Diagnosis) -> CameraCheckReply:
    """What an examination of a camera found."""
    video, capacity = diagnosis.video, diagnosis.capacity
    return CameraCheckReply(
        ok=diagnosis.failed is None,
        rtsp_link=diagnosis.link,
        passed=list(diagnosis.passed),
        failed=diagnosis.failed,
        message=diagnosis.message,
        video=None if video is None else VideoReply.model_validate(_rounded(asdict(video))),
        capacity=None if capacity is None else CapacityReply(**asdict(capacity)),
    )


def _rounded(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: round(value, 2) if isinstance(value, float) else value for name, value in values.items()}


def sighting_reply(sighting: Sighting, names: Mapping[str, str]) -> SightingReply:
    """A sighting, with the paths of its pictures in the place of their key; `names` tell what people are called."""
    values = asdict(sighting) | {"display_name": names.get(sighting.person_id or "")}
    kinds = ("picture", "face")
    paths = {kind: f"/sightings/{sighting.sighting_id}/{kind}" if sighting.picture else None for kind in kinds}
    return SightingReply.model_validate(values | paths)


def key_reply(key: ApiKey) -> KeyEntry:
    """An API key, without what is secret of it."""
    expired = key.has_expired(datetime.now(UTC))
    return KeyEntry(
        key_id=key.key_id,
        name=key.name,
        scopes=sorted(key.scopes),
        state="revoked" if key.revoked_at is not None else "expired" if expired else "active",
        created_at=key.created_at,
        expires_at=key.expires_at,
        last_used_at=key.last_used_at,
        revoked_at=key.revoked_at,
    )
