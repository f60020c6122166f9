"""The cameras that are watched; their links are encrypted."""

import json
from typing import Any

from sqlalchemy import Row, delete, insert, select, update

from backend.domain.camera import Camera
from backend.domain.geometry import Point, Region
from backend.storage.database import Transaction
from backend.storage.tables import cameras


def add(tx: Transaction, camera: Camera) -> None:
    """Keep a new camera."""
    tx.execute(insert(cameras).values(camera_id=camera.camera_id, created_at=camera.created_at, **_values(tx, camera)))


def change(tx: Transaction, camera: Camera) -> None:
    """Replace everything but the id and the time of creation."""
    tx.execute(update(cameras).where(cameras.c.camera_id == camera.camera_id).values(**_values(tx, camera)))


def remove(tx: Transaction, camera_id: str) -> bool:
    """Forget a camera; False where there is none of that id."""
    return tx.execute(delete(cameras).where(cameras.c.camera_id == camera_id)).rowcount > 0


def find(tx: Transaction, camera_id: str) -> Camera | None:
    """A camera, or None where there is none of that id."""
    row = tx.execute(select(cameras).where(cameras.c.camera_id == camera_id)).first()
    return None if row is None else _camera(tx, row)


def all_by_nickname(tx: Transaction) -> list[Camera]:
    """All cameras, sorted by nickname."""
    return [_camera(tx, row) for row in tx.execute(select(cameras).order_by(cameras.c.nickname, cameras.c.camera_id))]


def _values(tx: Transaction, camera: Camera) -> dict[str, Any]:
    return {
        "nickname": camera.nickname,
        "encrypted_link": tx.secrets.encrypt(camera.link),
        "threshold": camera.threshold,
        "cooldown_seconds": camera.cooldown_seconds,
        "channel_id": camera.channel_id,
        "notify_unknown": camera.notify_unknown,
        "encrypted_detail_link": tx.secrets.encrypt(camera.detail_link) if camera.detail_link else None,
        "analysis_fps": camera.analysis_fps,
        "region": _region_json(camera.region),
        "min_face_size": camera.min_face_size,
    }


def _camera(tx: Transaction, row: Row[Any]) -> Camera:
    return Camera(
        camera_id=row.camera_id,
        nickname=row.nickname,
        link=tx.secrets.decrypt(row.encrypted_link),
        threshold=row.threshold,
        cooldown_seconds=row.cooldown_seconds,
        channel_id=row.channel_id,
        notify_unknown=row.notify_unknown,
        created_at=row.created_at,
        detail_link=tx.secrets.decrypt(row.encrypted_detail_link) if row.encrypted_detail_link else None,
        analysis_fps=row.analysis_fps,
        region=_region(row.region),
        min_face_size=row.min_face_size,
    )


def _region_json(region: Region | None) -> str | None:
    return None if region is None else json.dumps([[corner.x, corner.y] for corner in region.corners])


def _region(stored: str | None) -> Region | None:
    return None if stored is None else Region(tuple(Point(x, y) for x, y in json.loads(stored)))
