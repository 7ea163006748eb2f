"""Records that the bindings can't send, through the library beneath them: header names of any
bytes, which another client's bug or another language may well produce."""

import ctypes
from collections.abc import Sequence
from ctypes import c_char_p, c_int, c_int32, c_size_t, c_ssize_t, c_void_p
from functools import cache
from pathlib import Path
from typing import Any, Final

import confluent_kafka

_PRODUCER: Final = 0
# The tags of rd_kafka_producev's arguments.
_END, _TOPIC, _PARTITION, _VALUE, _COPY, _HEADERS = 0, 1, 3, 4, 7, 10
_ERROR_BYTES: Final = 512

RawHeader = tuple[bytes, bytes | None]


def send_raw(bootstrap: str, topic: str, value: bytes, headers: Sequence[RawHeader]) -> None:
    """To the first partition; returns once the broker has it."""
    library = _library()
    error = ctypes.create_string_buffer(_ERROR_BYTES)
    options = library.rd_kafka_conf_new()
    setting = (b"bootstrap.servers", bootstrap.encode())
    assert library.rd_kafka_conf_set(options, *setting, error, _ERROR_BYTES) == 0, error.value
    client = library.rd_kafka_new(_PRODUCER, options, error, _ERROR_BYTES)
    assert client, error.value
    try:
        listed = library.rd_kafka_headers_new(len(headers))
        for name, content in headers:
            size = -1 if content is None else len(content)
            library.rd_kafka_header_add(listed, name, len(name), content, size)
        failed = library.rd_kafka_producev(
            c_void_p(client),
            *(_TOPIC, c_char_p(topic.encode())),
            *(_PARTITION, c_int32(0)),
            *(_VALUE, c_char_p(value), c_size_t(len(value))),
            *(_COPY, c_int(2)),
            *(_HEADERS, c_void_p(listed)),
            _END,
        )
        assert failed == 0
        assert library.rd_kafka_flush(client, 10_000) == 0
    finally:
        library.rd_kafka_destroy(client)


@cache
def _library() -> Any:
    """The very one that the bindings have loaded."""
    folder = Path(confluent_kafka.__file__).parents[1] / "confluent_kafka.libs"
    library = ctypes.CDLL(str(next(folder.glob("librdkafka*"))))
    for name, answer, arguments in (
        ("conf_new", c_void_p, []),
        ("conf_set", c_int, [c_void_p, c_char_p, c_char_p, c_char_p, c_size_t]),
        ("new", c_void_p, [c_int, c_void_p, c_char_p, c_size_t]),
        ("headers_new", c_void_p, [c_size_t]),
        ("header_add", c_int, [c_void_p, c_char_p, c_ssize_t, c_char_p, c_ssize_t]),
        ("producev", c_int, None),
        ("flush", c_int, [c_void_p, c_int]),
        ("destroy", None, [c_void_p]),
    ):
        function = getattr(library, f"rd_kafka_{name}")
        function.restype, function.argtypes = answer, arguments
    return library
