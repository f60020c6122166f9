"""The best looks of each sighting, from which a name that is given later is learned."""

from collections.abc import Sequence

from sqlalchemy import delete, insert, select

from backend.domain.face import KeptLook, Template
from backend.storage.database import Transaction
from backend.storage.embeddings import from_bytes, to_bytes
from backend.storage.tables import sighting_looks, sightings


def keep(tx: Transaction, sighting_id: str, looks: Sequence[KeptLook]) -> None:
    """Keep these, the best first, in the place of those that were kept of a sighting.

    Once a person said who it is they stay: what was learned from them can be forgotten again.
    """
    if tx.connection.scalars(select(sightings.c.corrected).where(sightings.c.sighting_id == sighting_id)).first():
        return
    tx.execute(delete(sighting_looks).where(sighting_looks.c.sighting_id == sighting_id))
    rows = [
        {
            "sighting_id": sighting_id,
            "place": place,
            "model": look.template.model,
            "embedding": to_bytes(look.template.embedding),
            "quality": look.quality,
            "png": look.crop,
        }
        for place, look in enumerate(looks)
    ]
    if rows:
        tx.execute(insert(sighting_looks), rows)


def of_sighting(tx: Transaction, sighting_id: str) -> list[KeptLook]:
    """What is kept of a sighting, the best first; nothing where it was written before looks were kept."""
    query = select(sighting_looks).where(sighting_looks.c.sighting_id == sighting_id).order_by(sighting_looks.c.place)
    return [KeptLook(Template(from_bytes(row.embedding), row.model), row.quality, row.png) for row in tx.execute(query)]
