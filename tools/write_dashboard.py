"""Writes `deploy/grafana-dashboard.json`: `python -m tools.write_dashboard`."""

import json
from pathlib import Path
from typing import Any

DASHBOARD = Path(__file__).parents[1] / "deploy" / "grafana-dashboard.json"
WIDTH, HEIGHT, COLUMNS = 8, 7, 3
PANELS: tuple[tuple[str, str, dict[str, str]], ...] = (
    (
        "Requests a second",
        "reqps",
        {"{{route}} {{status}}": "sum by (route, status) (rate(face_server_http_requests_total[5m]))"},
    ),
    (
        "Answers, 95 of 100 within",
        "s",
        {
            "{{route}}": "histogram_quantile(0.95, "
            "sum by (le, route) (rate(face_server_http_request_seconds_bucket[5m])))",
        },
    ),
    (
        "Recognitions at once",
        "short",
        {"taken": "face_server_recognition_slots_taken", "places": "face_server_recognition_slots"},
    ),
    (
        "Stages, 95 of 100 within",
        "s",
        {"{{stage}}": "histogram_quantile(0.95, sum by (le, stage) (rate(face_server_stage_seconds_bucket[5m])))"},
    ),
    (
        "Similarity of faces, median",
        "short",
        {
            "{{decision}}": "histogram_quantile(0.5, sum by (le, decision) (rate(face_server_similarity_bucket[1h])))",
        },
    ),
    ("Gallery", "short", {"people": "face_server_people", "templates": "face_server_templates"}),
    ("Cameras by state", "short", {"{{state}}": "face_server_cameras"}),
    (
        "Frames a second",
        "short",
        {
            "looked at": "rate(face_server_frames_analysed_total[5m])",
            "lost: {{reason}}": "rate(face_server_frames_lost_total[5m])",
        },
    ),
    (
        "Outbox",
        "short",
        {"messages": "face_server_outbox_waiting", "age of the oldest in seconds": "face_server_outbox_oldest_seconds"},
    ),
    ("Deliveries an hour", "short", {"{{result}}": "increase(face_server_deliveries_total[1h])"}),
    ("Room on the disk", "bytes", {"free": "face_server_disk_free_bytes"}),
    ("What runs", "short", {"{{version}} {{model}} {{device}}": "face_server_info"}),
)
"""Title, unit, and the queries by their legends."""


def dashboard() -> str:
    """The dashboard as text."""
    document: dict[str, Any] = {
        "title": "Face Server",
        "uid": "face-server",
        "schemaVersion": 39,
        "editable": True,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "templating": {
            "list": [{"name": "source", "label": "Prometheus", "type": "datasource", "query": "prometheus"}]
        },
        "panels": [_panel(place, *panel) for place, panel in enumerate(PANELS)],
    }
    return json.dumps(document, indent=2) + "\n"


def main() -> None:
    """Bring the file up to date."""
    DASHBOARD.write_text(dashboard(), encoding="utf-8")


def _panel(place: int, title: str, unit: str, queries: dict[str, str]) -> dict[str, Any]:
    source = {"type": "prometheus", "uid": "${source}"}
    return {
        "id": place + 1,
        "type": "timeseries",
        "title": title,
        "datasource": source,
        "gridPos": {"x": place % COLUMNS * WIDTH, "y": place // COLUMNS * HEIGHT, "w": WIDTH, "h": HEIGHT},
        "fieldConfig": {"defaults": {"unit": unit, "min": 0}, "overrides": []},
        "targets": [
            {"refId": chr(ord("A") + number), "datasource": source, "expr": query, "legendFormat": legend}
            for number, (legend, query) in enumerate(queries.items())
        ],
    }


if __name__ == "__main__":
    main()
