"""Templates made anew by another model: kept beside the old ones until all are there, then put in their place."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, and_, delete, func, insert, or_, select, update

from backend.storage.database import Transaction
from backend.storage.embeddings import to_bytes
from backend.storage.tables import crops, gallery_model, reembedded, templates


@dataclass(frozen=True, slots=True)
class KeptFace:
    """The aligned face that a template was made of."""

    template_id: str
    png: bytes


@dataclass(frozen=True, slots=True)
class Tally:
    """How far the templates are made anew by a model."""

    waiting: int
    """Templates of other models whose face is kept, and that are still to be made anew."""
    made: int
    """Those that are made and not in place yet."""
    unusable: int
    """Those whose kept face cannot be used."""
    without_face: int
    """Templates of other models whose face was not kept."""


def serving_model(tx: Transaction) -> str | None:
    """The model that the gallery is searched by; of a database that no server has used, what most templates have.

    None where there is no template either.
    """
    kept = noted_model(tx)
    if kept is not None:
        return kept
    most = select(templates.c.model).group_by(templates.c.model).order_by(func.count().desc()).limit(1)
    found: str | None = tx.connection.scalars(most).first()
    return found


def noted_model(tx: Transaction) -> str | None:
    """The model that a server has noted, if one has."""
    kept: str | None = tx.connection.scalars(select(gallery_model.c.model)).first()
    return kept


def serve(tx: Transaction, model: str) -> None:
    """Have the gallery be searched by that model from the next start on."""
    tx.execute(delete(gallery_model))
    tx.execute(insert(gallery_model).values(model=model))


def tally(tx: Transaction, model: str) -> Tally:
    """How far the templates are made anew by that model."""
    made, face = reembedded.c.template_id.is_not(None), crops.c.template_id.is_not(None)
    usable = reembedded.c.embedding.is_not(None)
    columns = [
        func.count().filter(condition)
        for condition in (and_(face, ~made), and_(made, usable), and_(made, ~usable), and_(~face, ~made))
    ]
    joined = templates.join(crops, isouter=True).join(reembedded, _of(model), isouter=True)
    row = tx.execute(select(*columns).select_from(joined).where(_of_others(model), ~_superseded(model))).one()
    waiting, made_anew, unusable, without_face = map(int, row)
    return Tally(waiting, made_anew, unusable, without_face)


def waiting(tx: Transaction, model: str, after: str, limit: int) -> Sequence[KeptFace]:
    """At most `limit` kept faces that are to be made anew by a model, behind that template in the order of ids."""
    query = (
        select(templates.c.template_id, crops.c.png)
        .select_from(templates.join(crops).join(reembedded, _of(model), isouter=True))
        .where(
            _of_others(model),
            templates.c.template_id > after,
            reembedded.c.template_id.is_(None),
            ~_superseded(model),
        )
        .order_by(templates.c.template_id)
        .limit(limit)
    )
    return [KeptFace(row.template_id, row.png) for row in tx.execute(query)]


def keep(tx: Transaction, model: str, made: Mapping[str, NDArray[np.float32] | None]) -> int:
    """Keep what a model made of faces, by their templates' ids; answers of how many the template is still there.

    None is what it can make nothing of.
    """
    there = set(tx.connection.scalars(select(templates.c.template_id).where(templates.c.template_id.in_(list(made)))))
    tx.execute(delete(reembedded).where(reembedded.c.template_id.in_(there)))
    rows = [
        {
            "template_id": template_id,
            "model": model,
            "embedding": None if embedding is None else to_bytes(embedding),
        }
        for template_id, embedding in made.items()
        if template_id in there
    ]
    if rows:
        tx.execute(insert(reembedded), rows)
    return len(rows)


def forget_others(tx: Transaction, model: str) -> None:
    """Remove what was made by models other than that: another one is wanted now."""
    tx.execute(delete(reembedded).where(reembedded.c.model != model))


def put_in_place(tx: Transaction, model: str, limit: int) -> frozenset[str]:
    """Replace at most `limit` templates by what the model made of their faces; answers whose they are.

    Nobody's where there is nothing left. A template keeps its id, and its photo's name, quality and face.
    """
    ready = (
        select(reembedded.c.template_id)
        .where(reembedded.c.model == model, reembedded.c.embedding.is_not(None))
        .order_by(reembedded.c.template_id)
        .limit(limit)
    )
    ids = list(tx.connection.scalars(ready))
    if not ids:
        return frozenset()
    chosen = templates.c.template_id.in_(ids)
    people = frozenset(tx.connection.scalars(select(templates.c.person_id).where(chosen)))
    made = select(reembedded.c.embedding).where(reembedded.c.template_id == templates.c.template_id).scalar_subquery()
    tx.execute(update(templates).where(chosen).values(model=model, embedding=made))
    tx.execute(delete(reembedded).where(reembedded.c.template_id.in_(ids)))
    return people


def lost_people(tx: Transaction, model: str) -> list[str]:
    """Everybody who has templates and none that the model made or can make of a kept face, sorted by id."""
    theirs = templates.alias()
    reachable = (
        select(theirs.c.template_id)
        .select_from(
            theirs.join(crops, crops.c.template_id == theirs.c.template_id, isouter=True).join(
                reembedded,
                and_(reembedded.c.template_id == theirs.c.template_id, reembedded.c.model == model),
                isouter=True,
            )
        )
        .where(
            theirs.c.person_id == templates.c.person_id,
            or_(
                theirs.c.model == model,
                reembedded.c.embedding.is_not(None),
                and_(crops.c.template_id.is_not(None), reembedded.c.template_id.is_(None)),
            ),
        )
        .exists()
    )
    query = select(templates.c.person_id).where(_of_others(model), ~reachable).distinct()
    return sorted(tx.connection.scalars(query))


def _of_others(model: str) -> ColumnElement[bool]:
    """Not written as "is not", which no index helps with."""
    return or_(templates.c.model < model, templates.c.model > model)


def _of(model: str) -> ColumnElement[bool]:
    return and_(reembedded.c.template_id == templates.c.template_id, reembedded.c.model == model)


def _superseded(model: str) -> ColumnElement[bool]:
    """Whether the person has a template of the model from the same photo: then nothing is to be made of the old one."""
    newer = templates.alias()
    return (
        select(newer.c.template_id)
        .where(
            newer.c.person_id == templates.c.person_id,
            newer.c.source_sha256 == templates.c.source_sha256,
            newer.c.model == model,
        )
        .exists()
    )
