"""A report as one HTML file that needs nothing from outside: tables, plots, and the worst mistakes as pictures."""

import base64
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape
from pathlib import Path
from typing import Final

from backend.domain.errors import FaceServerError
from backend.evaluation.describing import Album, Failure
from backend.vision.alignment import align
from backend.vision.image import ImageLimits, decode, encode_jpeg

WORST: Final = 12
"""How many of the worst mistakes of each kind are shown."""
_MOST_FAILURES: Final = 50


@dataclass(frozen=True, slots=True)
class Mistake:
    """Two photos that were taken for one person, or were not, and how alike they are."""

    left: Path
    right: Path
    similarity: float


@dataclass(frozen=True, slots=True)
class Report:
    """What a page tells."""

    title: str
    introduction: str
    """One paragraph."""
    made_at: datetime
    facts: Mapping[str, str]
    """What was measured, and on what."""
    table: Sequence[Sequence[str]]
    """The figures; the first row has the heads."""
    plots: Sequence[tuple[str, str]]
    """Captions, and pictures as SVG."""
    mistakes: Sequence[tuple[str, Sequence[Mistake]]]
    """Captions, and the worst mistakes of that kind."""
    failures: Sequence[Failure]


def write_report(file: Path, report: Report, album: Album, limits: ImageLimits) -> None:
    """Write the page; its pictures are the aligned faces as the embedder sees them."""
    file.write_text(_page(report, _Faces(album, limits)), encoding="utf-8")


class _Faces:
    """Pictures of the faces of an album, as the `src` of an `img`."""

    def __init__(self, album: Album, limits: ImageLimits) -> None:
        self._album = album
        self._limits = limits

    def source(self, photo: Path) -> str:
        """The aligned face of a photo; empty where it cannot be read any more."""
        description = self._album.descriptions[photo]
        landmarks = next(iter(description.described.values())).detection.landmarks
        try:
            aligned = align(decode(photo.read_bytes(), self._limits), landmarks)
        except (FaceServerError, OSError):
            return ""
        return f"data:image/jpeg;base64,{base64.b64encode(encode_jpeg(aligned, quality=80)).decode()}"


def _page(report: Report, faces: _Faces) -> str:
    parts = [
        f"<h1>{escape(report.title)}</h1>",
        f"<p>{escape(report.introduction)}</p>",
        _table(report.table),
        *(f"<figure>{svg}<figcaption>{escape(caption)}</figcaption></figure>" for caption, svg in report.plots),
        *(_gallery(caption, mistakes, faces) for caption, mistakes in report.mistakes if mistakes),
        _failed(report.failures),
        _facts(report.facts),
        f"<footer>Face Server, {report.made_at:%Y-%m-%d %H:%M %Z}</footer>",
    ]
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(report.title)}</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{_STYLE}</style></head><body><main>{''.join(parts)}</main></body></html>"
    )


def _table(rows: Sequence[Sequence[str]]) -> str:
    heads, *body = rows
    head = "".join(f"<th>{escape(cell)}</th>" for cell in heads)
    lines = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in body)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{lines}</tbody></table>"


def _gallery(caption: str, mistakes: Iterable[Mistake], faces: _Faces) -> str:
    shown = "".join(_mistake(mistake, faces) for mistake in mistakes)
    return f'<h2>{escape(caption)}</h2><div class="mistakes">{shown}</div>'


def _mistake(mistake: Mistake, faces: _Faces) -> str:
    pictures = "".join(
        f'<figure><img alt="" src="{faces.source(photo)}"><figcaption>{escape(photo.stem)}</figcaption></figure>'
        for photo in (mistake.left, mistake.right)
    )
    return f'<div class="mistake"><b>{mistake.similarity:.3f}</b><div>{pictures}</div></div>'


def _failed(failures: Sequence[Failure]) -> str:
    if not failures:
        return "<h2>Photos that could not be used</h2><p>None.</p>"
    shown = "".join(
        f"<li>{escape(failure.photo.name)}: {escape(failure.reason)}</li>" for failure in failures[:_MOST_FAILURES]
    )
    more = f"<p>And {len(failures) - _MOST_FAILURES} more.</p>" if len(failures) > _MOST_FAILURES else ""
    return f"<h2>Photos that could not be used: {len(failures)}</h2><ul>{shown}</ul>{more}"


def _facts(facts: Mapping[str, str]) -> str:
    lines = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in facts.items())
    return f"<h2>How it was measured</h2><dl>{lines}</dl>"


_STYLE: Final = """
:root { color-scheme: light dark; --ink: light-dark(#1c2330, #e8ebf0); --soft: light-dark(#5d6675, #9aa4b5);
  --line: light-dark(#dde2ea, #333b48); --paper: light-dark(#ffffff, #151a22); }
body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
main { max-width: 860px; margin: 0 auto; padding: 2rem 1rem 4rem; }
h1 { line-height: 1.2; } h2 { margin-top: 2.5rem; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: right; padding: .4rem .6rem; border-bottom: 1px solid var(--line); }
th:first-child, td:first-child { text-align: left; }
th { color: var(--soft); font-weight: 600; }
figure { margin: 2rem 0 0; } figcaption { color: var(--soft); font-size: .85rem; }
svg { width: 100%; height: auto; } svg text { fill: var(--soft); font-size: 12px; }
svg .grid { stroke: var(--line); }
.mistakes { display: grid; grid-template-columns: repeat(auto-fill, minmax(250px, 1fr)); gap: 1.2rem; }
.mistake > div { display: flex; gap: .5rem; } .mistake figure { margin: 0; width: 112px; }
.mistake img { width: 112px; height: 112px; border-radius: 8px; display: block; background: var(--line); }
.mistake figcaption { font-size: .7rem; overflow-wrap: anywhere; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1.2rem; } dt { color: var(--soft); }
dd { margin: 0; overflow-wrap: anywhere; } footer { margin-top: 3rem; color: var(--soft); font-size: .85rem; }
"""
