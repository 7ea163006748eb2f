"""How strangers' text is printed."""

import sys

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from order_service.interface.cli.showing import printable

ANY_TEXT = st.text(st.characters(exclude_categories=[]), max_size=200)


@given(ANY_TEXT)
@example("\n\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029")
def test_any_text_is_shown_as_one_printable_line(text: str) -> None:
    shown = printable(text)
    assert shown.isprintable()
    assert len(shown.splitlines()) <= 1
    assert shown.encode().decode() == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Jürgen 李 👍", "Jürgen 李 👍"),
        ("a\nb", "a\\nb"),
        ("\x1b[31m", "\\x1b[31m"),
        ("a\u202eb", "a\\u202eb"),
        ("\ud800", "\\ud800"),
        ("\0", "\\x00"),
    ],
)
def test_harmless_characters_are_shown_as_they_are_and_others_written_out(
    text: str, shown: str
) -> None:
    assert printable(text) == shown


def test_no_unprintable_character_is_shown_as_it_is() -> None:
    every = map(chr, range(sys.maxunicode + 1))
    assert all(printable(each).isprintable() for each in every if not each.isprintable())
