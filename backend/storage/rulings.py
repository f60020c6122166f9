"""What the rules made of each sighting, kept to be shown."""

import json
from dataclasses import asdict
from typing import Any

from sqlalchemy import insert, select

from backend.domain.identity import Candidate, Decision, Verdict
from backend.domain.rule import Judgement, Outcome, Ruling
from backend.domain.trace import RulingRecord
from backend.storage.database import Transaction
from backend.storage.ids import new_id
from backend.storage.tables import rulings


def add(tx: Transaction, sighting_id: str, record: RulingRecord) -> None:
    """Keep one ruling on a sighting."""
    document = {
        "decision": asdict(record.decision),
        "looks": record.looks,
        "quality": record.quality,
        "qualities": record.qualities,
        "judgements": [asdict(judgement) for judgement in record.ruling.judgements],
    }
    tx.execute(
        insert(rulings).values(
            ruling_id=new_id(),
            sighting_id=sighting_id,
            decided_at=record.decided_at,
            document=json.dumps(document),
        )
    )


def of_sighting(tx: Transaction, sighting_id: str) -> list[RulingRecord]:
    """The rulings on a sighting, the oldest first."""
    query = select(rulings).where(rulings.c.sighting_id == sighting_id).order_by(rulings.c.ruling_id)
    found = []
    for row in tx.execute(query):
        kept = json.loads(row.document)
        ruling = Ruling(tuple(_judgement(judgement) for judgement in kept["judgements"]))
        found.append(
            RulingRecord(
                decided_at=row.decided_at,
                decision=_decision(kept["decision"]),
                looks=kept["looks"],
                quality=kept["quality"],
                ruling=ruling,
                qualities=tuple(kept.get("qualities", ())),
            )
        )
    return found


def _decision(kept: dict[str, Any]) -> Decision:
    candidates = tuple(Candidate(**candidate) for candidate in kept["candidates"])
    return Decision(Verdict(kept["verdict"]), kept["threshold"], candidates)


def _judgement(kept: dict[str, Any]) -> Judgement:
    names = {"outcome": Outcome(kept["outcome"]), "channel_ids": tuple(kept["channel_ids"])}
    return Judgement(**(kept | names))
