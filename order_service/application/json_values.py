"""JSON values that neither a stored document nor an answer can hold."""

from math import isfinite
from typing import Any, Final

# The store takes 100 levels, and an entry and a page add a few levels around an event.
DEEPEST: Final = 64

TOO_DEEP: Final = "too_deep"
NOT_FINITE: Final = "not_finite"
_SUSPECT: Final = frozenset({dict, list, float})


def fault(value: Any) -> str | None:
    """TOO_DEEP, NOT_FINITE (a number like 1e999), or None; without recursion."""
    if type(value) is dict and _SUSPECT.isdisjoint(map(type, value.values())):
        # Almost every event ends here, and every event is checked.
        return None
    level = [value] if type(value) in (dict, list) else []
    for _ in range(DEEPEST):
        if not level:
            return None
        inner = []
        for each in level:
            for child in each.values() if type(each) is dict else each:
                kind = type(child)
                if kind is dict or kind is list:
                    inner.append(child)
                elif kind is float and not isfinite(child):
                    return NOT_FINITE
        level = inner
    return TOO_DEEP if level else None
