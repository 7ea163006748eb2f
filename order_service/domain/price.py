"""What may be a price: what every line's total can be reckoned from exactly, and stored."""

from decimal import Decimal
from typing import Final

MAX_PRICE: Final = Decimal(10**12)
# Of a price, and after its point.
_MAX_DIGITS: Final = 18


def is_in_range(price: Decimal) -> bool:
    return price.is_finite() and 0 <= price <= MAX_PRICE


def has_few_digits(price: Decimal) -> bool:
    """``price``: a finite number."""
    _, digits, exponent = price.as_tuple()
    return len(digits) <= _MAX_DIGITS and -_MAX_DIGITS <= int(exponent) <= _MAX_DIGITS
