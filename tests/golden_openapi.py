"""`openapi.json`, the description of every route: `python -m tests.golden_openapi` writes it again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from api.app import create_app
from api.deployment import Deployment
from api.settings import Settings

GOLDEN = Path(__file__).parent.parent / "openapi.json"


def app() -> Any:
    """The application as it is described: it has its settings, and no database."""
    nothing: Any = None
    settings = Settings.read({"MANDATE_ORIGIN": "mandate.test/log"})
    return create_app(Deployment(settings, nothing, nothing, nothing, nothing, nothing, b""))


def content() -> bytes:
    """The bytes of the golden file."""
    return (json.dumps(app().openapi(), ensure_ascii=False, indent=1) + "\n").encode()


def write() -> None:
    """Write the golden file again."""
    GOLDEN.write_bytes(content())


if __name__ == "__main__":
    write()
