"""Records as a stranger may send them, generated; and what a consumer's binding makes of them."""

import json
from typing import Any

from hypothesis import strategies as st

from tests.unit.infrastructure.kafka.fakes import GOOD, TOPIC

DEEP = st.integers(1, 1500).map(lambda levels: b'{"itemId":' + b"[" * levels + b"]" * levels + b"}")
_SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.text(max_size=30),
    st.sampled_from(
        ["added", "reduced", "1e999", "2026-01-02T03:04:05Z", "\x00", "$ref", "é" * 300]
    ),
)
_VALUES = st.recursive(
    _SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.text(max_size=8) | st.sampled_from(["$ref", "$id", "a.b", ""]), inner, max_size=3
        )
    ),
    max_leaves=8,
)
_CHANGED = st.dictionaries(st.sampled_from([*GOOD, "note", "$ref", "_id"]), _VALUES, max_size=4)
_NUMBERS = st.sampled_from([b"1e999", b"-1e999", b"9" * 5000, b"0." + b"1" * 900, b"1e-999", b"-0"])


def _json(fields: dict[str, Any]) -> bytes:
    return json.dumps(GOOD | fields).encode("utf-8", "surrogatepass")


VALUES = st.one_of(
    st.none(),
    st.binary(max_size=200),
    _CHANGED.map(_json),
    _NUMBERS.map(lambda n: _json({}).replace(b"100", n)),
    DEEP,
    st.sampled_from([b"[" * 100_000, b"\xef\xbb\xbf{}", b'"\\ud800"', b'{"a":NaN}', b"x" * 70_000]),
)
_ODD_NUMBERS = st.sampled_from(
    [
        b"",
        b"-1",
        b"0",
        b"1",
        b"5",
        b"9" * 5000,
        b"9223372036854775808",
        b"\xd9\xa3",
        b"1_0",
        b" 1",
        b"1.5",
    ]
)
_OUR_NAMES = st.sampled_from(
    [
        f"{prefix}{name}"
        for prefix in ("dead-letter.", "replay.")
        for name in ("topic", "partition", "offset", "timestamp", "code", "reason", "count", "cut")
    ]
    + ["dead-letter.value-bytes", "dead-letter.value-sha256", "dead-letter.headers"]
)
_TOPICS = st.sampled_from(
    [TOPIC.encode(), f"{TOPIC}-dlt".encode(), b"payments", b"", b"\xff", b"t" * 300]
)
HEADER_VALUES = st.one_of(st.none(), st.binary(max_size=60), _ODD_NUMBERS, _TOPICS)
HEADERS = st.lists(st.tuples(_OUR_NAMES | st.text(max_size=20), HEADER_VALUES), max_size=8)
RAW_NAMES = st.one_of(st.binary(min_size=1, max_size=12), _OUR_NAMES.map(str.encode))
TIMESTAMPS = st.one_of(
    st.integers(-(2**63), 2**63 - 1),
    st.sampled_from([-1, 0, 1_795_629_600_000_000, 253_402_300_800_000]),
)
KEYS = st.none() | st.binary(max_size=40)


class HostileRecord:
    """As librdkafka's binding gives it. With ``broken`` headers it fails when it is asked for them,
    and once more it would hand out a list with holes."""

    def __init__(
        self,
        value: bytes | None,
        headers: list[tuple[str, bytes | None]] | None = None,
        *,
        key: bytes | None = None,
        timestamp: int = 0,
        broken: bool = False,
        topic: str = TOPIC,
        offset: int = 7,
    ) -> None:
        self._value = value
        self._headers = headers
        self._key = key
        self._timestamp = timestamp
        self._broken = broken
        self._topic = topic
        self._offset = offset
        self._asked = False

    def topic(self) -> str:
        return self._topic

    def partition(self) -> int:
        return 0

    def offset(self) -> int:
        return self._offset

    def key(self) -> bytes | None:
        return self._key

    def value(self) -> bytes | None:
        return self._value

    def headers(self) -> list[tuple[str, bytes | None]] | None:
        if self._broken:
            assert not self._asked, "touching it again would end the process"
            self._asked = True
            raise SystemError("returned a result with an exception set")
        return self._headers

    def set_headers(self, value: list[tuple[str, bytes | None]]) -> None:
        self._broken, self._headers = False, value

    def timestamp(self) -> tuple[int, int]:
        return 1, self._timestamp


RECORDS = st.builds(
    HostileRecord, VALUES, st.none() | HEADERS, key=KEYS, timestamp=TIMESTAMPS, broken=st.booleans()
)
