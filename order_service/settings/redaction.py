"""What libraries say of a setting, without its value."""

import re
from collections.abc import Mapping
from urllib.parse import unquote


def redacted(reason: object, values: Mapping[str, str], known: str = "") -> str:
    """What a library says, in one line, without the values, which may be secret.

    ``values``: by name, which stands for a value that is repeated whole; of a part that is repeated
    no word is left but ``known`` ones.
    """
    line = " ".join(str(reason).split())
    for name, value in values.items():
        line = re.sub(rf"(?<!\w){re.escape(value)}(?!\w)", f"<{name}>", line)
    secret = set[str]().union(*map(_words, values.values())) - _words(" ".join([known, *values]))
    return re.sub(r"\w+", lambda word: "…" if word[0].lower() in secret else word[0], line)


def _words(text: str) -> set[str]:
    return set(re.findall(r"\w+", f"{text} {unquote(text)}".lower()))
