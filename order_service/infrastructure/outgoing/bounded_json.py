"""JSON from outside."""

import json
from decimal import Decimal
from typing import Any, Final

# More than any number needs that we could reckon with.
_LONGEST_NUMBER: Final = 64


def parse(content: bytes) -> Any:
    """Fractions become Decimal. Raises ValueError whatever is wrong with it: no JSON, nested too
    deep, a number that none of ours can hold."""
    try:
        return json.loads(content, parse_float=_decimal)
    except Exception as error:
        raise ValueError(f"it is not JSON that can be used ({type(error).__name__})") from error


def _decimal(digits: str) -> Decimal:
    if len(digits) > _LONGEST_NUMBER:
        raise ValueError("a number is too long")
    return Decimal(digits)
