"""The rules that people wrote; those that come with a camera are in the camera's row."""

import json
from collections.abc import Iterable
from datetime import time
from typing import Any

from sqlalchemy import Row, delete, insert, select, update

from backend.domain.rule import Period, Rule, Who
from backend.storage.database import Transaction
from backend.storage.tables import arming, rule_channels, rules


def add(tx: Transaction, rule: Rule) -> None:
    """Keep a new rule."""
    tx.execute(insert(rules).values(rule_id=rule.rule_id, **_values(rule)))
    _keep_channels(tx, rule)


def change(tx: Transaction, rule: Rule) -> None:
    """Replace everything but the id."""
    tx.execute(update(rules).where(rules.c.rule_id == rule.rule_id).values(**_values(rule)))
    tx.execute(delete(rule_channels).where(rule_channels.c.rule_id == rule.rule_id))
    _keep_channels(tx, rule)


def remove(tx: Transaction, rule_id: str) -> bool:
    """Forget a rule; False where there is none of that id."""
    return tx.execute(delete(rules).where(rules.c.rule_id == rule_id)).rowcount > 0


def find(tx: Transaction, rule_id: str) -> Rule | None:
    """A rule, or None where there is none of that id."""
    return next((rule for rule in all_by_age(tx) if rule.rule_id == rule_id), None)


def all_by_age(tx: Transaction) -> list[Rule]:
    """All rules, the oldest first."""
    told: dict[str, list[str]] = {}
    for row in tx.execute(select(rule_channels).order_by(rule_channels.c.channel_id)):
        told.setdefault(row.rule_id, []).append(row.channel_id)
    return [_rule(row, told.get(row.rule_id, ())) for row in tx.execute(select(rules).order_by(rules.c.rule_id))]


def is_armed(tx: Transaction) -> bool:
    """Whether the house is armed."""
    armed: bool = tx.connection.scalars(select(arming.c.armed)).one()
    return armed


def arm(tx: Transaction, *, armed: bool) -> None:
    """Arm or disarm the house."""
    tx.execute(update(arming).values(armed=armed))


def _keep_channels(tx: Transaction, rule: Rule) -> None:
    for channel_id in dict.fromkeys(rule.channel_ids):
        tx.execute(insert(rule_channels).values(rule_id=rule.rule_id, channel_id=channel_id))


def _values(rule: Rule) -> dict[str, Any]:
    return {
        "name": rule.name,
        "who": rule.who,
        "subject": rule.subject,
        "camera_id": rule.camera_id,
        "hours": _to_json(rule.hours),
        "quiet_hours": _to_json(rule.quiet_hours),
        "armed_only": rule.armed_only,
        "threshold": rule.threshold,
        "cooldown_seconds": rule.cooldown_seconds,
        "enabled": rule.enabled,
    }


def _rule(row: Row[Any], channel_ids: Iterable[str]) -> Rule:
    return Rule(
        rule_id=row.rule_id,
        name=row.name,
        who=Who(row.who),
        subject=row.subject,
        camera_id=row.camera_id,
        channel_ids=tuple(channel_ids),
        hours=_from_json(row.hours),
        quiet_hours=_from_json(row.quiet_hours),
        armed_only=row.armed_only,
        threshold=row.threshold,
        cooldown_seconds=row.cooldown_seconds,
        enabled=row.enabled,
    )


def _to_json(periods: Iterable[Period]) -> str:
    return json.dumps(
        [
            {"days": sorted(period.days), "begins": period.begins.isoformat(), "ends": period.ends.isoformat()}
            for period in periods
        ]
    )


def _from_json(text: str) -> tuple[Period, ...]:
    return tuple(
        Period(frozenset(kept["days"]), time.fromisoformat(kept["begins"]), time.fromisoformat(kept["ends"]))
        for kept in json.loads(text)
    )
