"""A run kept: every round's figures as JSON, and the picture."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bench.picture import drawn
from bench.targets import Judged
from bench.works import Measured
from tests.system import CHECKOUT

_WHOLE = Path(__file__).parent / "results"
# A run of some works, or a short run, must not replace a whole run.
_PARTIAL = CHECKOUT / ".data" / "bench" / "results"


def keep(
    described: Mapping[str, Any],
    results: Sequence[Measured],
    verdicts: Sequence[Judged],
    *,
    whole: bool,
) -> Path:
    """The folder that now holds latest.json and latest.svg. Times are in ms, memory in bytes."""
    folder = _WHOLE if whole else _PARTIAL
    folder.mkdir(parents=True, exist_ok=True)
    kept = {
        **described,
        "targets": [asdict(each) for each in verdicts],
        "measured": [asdict(each) for each in results],
    }
    text = json.dumps(kept, indent=1, ensure_ascii=False)
    (folder / "latest.json").write_text(f"{text}\n", encoding="utf-8")
    (folder / "latest.svg").write_text(drawn(results, _caption(described)), encoding="utf-8")
    return folder


def _caption(described: Mapping[str, Any]) -> str:
    machine, settings = described["machine"], described["settings"]
    rounds = settings["rounds"]
    return (
        f"{machine['cpu']}, {machine['cores']} cores; median and spread of {rounds} "
        f"round{'s' * (rounds > 1)} of {settings['seconds']} s; {described['at'][:10]}"
    )
