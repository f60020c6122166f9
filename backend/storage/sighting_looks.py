"""The best looks of each sighting, from which a name that is given later is learned."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import bindparam, delete, insert, select, update

from backend.domain.face import KeptLook, Template
from backend.storage.database import Transaction
from backend.storage.embeddings import from_bytes, to_bytes
from backend.storage.tables import sighting_looks, sightings


@dataclass(frozen=True, slots=True)
class Stays:
    """A look that is kept already."""

    place: int
    """Where it stands so far, from 0, the best first."""


def keep(tx: Transaction, sighting_id: str, looks: Sequence[KeptLook | Stays]) -> None:
    """Keep these, the best first, and forget the others that were kept of a sighting; those that stay keep their order.

    Once a person said who it is all stay: what was learned from them can be forgotten again.
    """
    if tx.connection.scalars(select(sightings.c.corrected).where(sightings.c.sighting_id == sighting_id)).first():
        return
    stay = [(look.place, place) for place, look in enumerate(looks) if isinstance(look, Stays)]
    of_it = sighting_looks.c.sighting_id == sighting_id
    tx.execute(delete(sighting_looks).where(of_it, sighting_looks.c.place.not_in([before for before, _ in stay])))
    moves = _in_turn(stay)
    if moves:
        moved = update(sighting_looks).where(of_it, sighting_looks.c.place == bindparam("before"))
        tx.execute(moved.values(place=bindparam("after")), moves)
    rows = [_row(sighting_id, place, look) for place, look in enumerate(looks) if isinstance(look, KeptLook)]
    if rows:
        tx.execute(insert(sighting_looks), rows)


def _in_turn(stay: Sequence[tuple[int, int]]) -> list[dict[str, int]]:
    """The moves among these, before and after and ascending, in a turn in which none comes to a place still taken."""
    up = [{"before": before, "after": after} for before, after in stay if after < before]
    down = [{"before": before, "after": after} for before, after in stay if after > before]
    return up + down[::-1]


def _row(sighting_id: str, place: int, look: KeptLook) -> dict[str, Any]:
    return {
        "sighting_id": sighting_id,
        "place": place,
        "model": look.template.model,
        "embedding": to_bytes(look.template.embedding),
        "quality": look.quality,
        "png": look.crop,
    }


def of_sighting(tx: Transaction, sighting_id: str) -> list[KeptLook]:
    """What is kept of a sighting, the best first; nothing where it was written before looks were kept."""
    query = select(sighting_looks).where(sighting_looks.c.sighting_id == sighting_id).order_by(sighting_looks.c.place)
    return [KeptLook(Template(from_bytes(row.embedding), row.model), row.quality, row.png) for row in tx.execute(query)]
