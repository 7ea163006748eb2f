"""A library's message about a setting, without the setting's value."""

import re
from collections.abc import Mapping
from urllib.parse import unquote


def redacted(reason: object, values: Mapping[str, str], known: str = "") -> str:
    """A library's message, in one line, without the values, which may be secret.

    ``values``: by name. Where the message repeats a whole value, the name replaces the value; where
    it repeats a part, only the ``known`` words of the part are left.
    """
    line = " ".join(str(reason).split())
    for name, value in values.items():
        line = re.sub(rf"(?<!\w){re.escape(value)}(?!\w)", f"<{name}>", line)
    secret = set[str]().union(*map(_words, values.values())) - _words(" ".join([known, *values]))
    return re.sub(r"\w+", lambda word: "…" if word[0].lower() in secret else word[0], line)


def _words(text: str) -> set[str]:
    return set(re.findall(r"\w+", f"{text} {unquote(text)}".lower()))
