"""Writes docs/asyncapi.json: what /asyncapi.json serves with the default settings.

`make asyncapi` runs it, and a test fails when the file differs from what it writes.
"""

import json
from pathlib import Path

from order_service.infrastructure.kafka.asyncapi import document
from order_service.settings import Settings

TARGET = Path(__file__).parents[1] / "docs" / "asyncapi.json"


def text() -> str:
    return json.dumps(document(Settings()), indent=2) + "\n"


if __name__ == "__main__":
    TARGET.write_text(text(), encoding="utf-8")
