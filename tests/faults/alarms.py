"""Whether the alerts of operations/prometheus fire while something is wrong, and end after it."""

import re
from collections.abc import Callable, Set
from contextlib import AbstractContextManager
from dataclasses import dataclass
from time import monotonic
from typing import Final

from tests.prometheus import Prometheus
from tests.system import CHECKOUT
from tests.waiting import until

# What a minute of the rules lasts here, in seconds.
MINUTE: Final = 3.0
_RULES: Final = CHECKOUT / "operations" / "prometheus" / "alerts.yml"
_LENGTH: Final = re.compile(r"(\[|offset |for: )(\d+)([ms])\b")
_OLDEST_EVENT: Final = "oldest_unpublished_seconds) > 60"
_PATIENCE: Final = 120


def hurried_rules() -> str:
    """alerts.yml, where every window, and the age that an event may have, is shorter."""
    rules = _RULES.read_text(encoding="utf-8")
    assert _OLDEST_EVENT in rules
    rules = rules.replace(_OLDEST_EVENT, f"oldest_unpublished_seconds) > {MINUTE:g}")
    return _LENGTH.sub(_hurried, rules)


def _hurried(found: re.Match[str]) -> str:
    before, number, unit = found.groups()
    seconds = int(number) * (60 if unit == "m" else 1)
    return f"{before}{round(seconds / 60 * MINUTE * 1000)}ms"


@dataclass(frozen=True, slots=True)
class Alarm:
    """``fired``: seconds after the fault began; ``ended``: after the fault was over, 0 where the
    alert had ended before."""

    fault: str
    alert: str
    fired: float
    ended: float


ALARMS: list[Alarm] = []


def lines() -> list[str]:
    """The table as text."""
    cells = [("alert", "fired after", "ended after", "fault")]
    cells += [(a.alert, f"{a.fired:.1f} s", _after(a.ended), a.fault) for a in ALARMS]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return [
        f"{alert:{widths[0]}}  {fired:>{widths[1]}}  {ended:>{widths[2]}}  {fault}"
        for alert, fired, ended, fault in cells
    ]


def _after(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds else "before"


class Watch:
    """Over the alerts of one Prometheus."""

    def __init__(self, prometheus: Prometheus) -> None:
        self._prometheus = prometheus
        self._fired: dict[str, float] = {}
        self._ended: dict[str, float] = {}

    def over(self, name: str, fault: AbstractContextManager[None], alerts: Set[str]) -> None:
        """Waits until each of the alerts has fired in the fault, and until none fires after it.
        Every alert that fired gets its row in the table. ``fault``: it begins on entering and is
        over on leaving, and neither waits for anything."""
        self._await(lambda: not self._look(), "all is quiet")
        self._fired, self._ended = {}, {}
        with fault:
            began = monotonic()
            self._await(lambda: self._has_fired(alerts), f"{sorted(alerts)} fire")
            over = monotonic()
        self._await(lambda: not self._look(), "every alert ends")
        ALARMS.extend(
            Alarm(name, alert, fired - began, max(0.0, self._ended[alert] - over))
            for alert, fired in self._fired.items()
        )

    def _await(self, condition: Callable[[], bool], what: str) -> None:
        try:
            until(condition, what, _PATIENCE, 0.1)
        except AssertionError as error:
            states = sorted(self._prometheus.alerts())
            error.add_note(f"fired so far: {sorted(self._fired)}; now: {states}")
            raise

    def _has_fired(self, alerts: Set[str]) -> bool:
        self._look()
        return self._fired.keys() >= alerts

    def _look(self) -> Set[str]:
        """The alerts that fire or are about to."""
        now, states = monotonic(), self._prometheus.alerts()
        firing = {alert for alert, state in states if state == "firing"}
        for alert in firing:
            self._fired.setdefault(alert, now)
            self._ended.pop(alert, None)
        for alert in self._fired.keys() - firing:
            self._ended.setdefault(alert, now)
        return {alert for alert, _ in states}
