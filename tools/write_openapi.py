"""Writes `openapi.json`, what the HTTP API says of itself: `python -m tools.write_openapi`."""

import json
from pathlib import Path

from backend.api.factory import create_app
from backend.settings import Settings

DOCUMENT = Path(__file__).parents[1] / "openapi.json"


def openapi() -> str:
    """The document of the API as text, in the order of the code."""
    settings = Settings.model_validate({"auth_token": "only for the document"})
    return json.dumps(create_app(settings).openapi(), indent=2, ensure_ascii=False) + "\n"


def main() -> None:
    """Bring the committed document up to date."""
    DOCUMENT.write_text(openapi(), encoding="utf-8")


if __name__ == "__main__":
    main()
