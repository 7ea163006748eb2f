"""Where a key set comes from: the issuer's URL, or a file."""

import json
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import requests

_CONNECT_TIMEOUT, _READ_TIMEOUT, _IN_ALL = 2.0, 2.0, 5.0
_MAX_BYTES = 256 * 1024


def from_file(path: Path) -> Any:
    """Raises OSError, ValueError."""
    return json.loads(path.read_bytes())


def from_url(url: str) -> Any:
    """Raises OSError (which requests' errors are), ValueError."""
    timeouts = (_CONNECT_TIMEOUT, _READ_TIMEOUT)
    # A redirect could lead to where anybody may write keys.
    with requests.get(url, timeout=timeouts, allow_redirects=False, stream=True) as response:
        if response.status_code != requests.codes.ok:
            raise ValueError(f"the issuer answered {response.status_code}")
        return json.loads(read(response.iter_content(4096)))


def read(chunks: Iterable[bytes]) -> bytes:
    """The time-outs above are for each read alone; an issuer that drips must end as well."""
    end = time.monotonic() + _IN_ALL
    body = b""
    for chunk in chunks:
        body += chunk
        if len(body) > _MAX_BYTES:
            raise ValueError(f"the key set is longer than {_MAX_BYTES} bytes")
        if time.monotonic() > end:
            raise ValueError(f"the key set took longer than {_IN_ALL:g} s")
    return body
