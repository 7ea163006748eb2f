"""Requests that nobody means well with, made up as the bytes that go over the wire."""

import json

from hypothesis import strategies as st

ITEM = "0" * 24
GOOD = f'{{"itemId": "{ITEM}", "quantity": 1}}'.encode()
BASKET = json.dumps(
    {
        "items": [{"itemId": ITEM, "quantity": 1}, {"itemId": "1" * 24, "quantity": 2}],
        "reference": "2026-17",
        "metadata": {"channel": "web", "note": "two\nlines"},
        "holdSeconds": 900,
    }
).encode()
EXTENSION = b'{"holdSeconds": 900}'
Headers = list[tuple[str, bytes]]

NUMBERS = [
    b"NaN",
    b"-Infinity",
    b"1e400",
    b"-0",
    b"1.0",
    b"9" * 19,
    b"9" * 4000,
    b"9" * 5000,
    b"0x1",
]
TEXTS = [
    b'"\\ud800"',
    b'"\\u0000"',
    b'"\x00"',
    b'"\xed\xa0\x80"',
    b'"\xff"',
    b'""',
    b'"' + b"a" * 60_000,
]
NESTED = [b"[" * 30_000, b'{"a":' * 9000, b"[" * 900 + b"]" * 900, b"[" * 5000 + b"]" * 5000]
VALUES = st.sampled_from([*NUMBERS, *TEXTS, *NESTED, b"null", b"true", b"{}", f'"{ITEM}"'.encode()])
NAMES = st.sampled_from(
    [
        *(b'"itemId"', b'"quantity"', b'"items"', b'"reference"', b'"metadata"', b'"holdSeconds"'),
        *(b'"\\ud800"', b'"\\u0000"', b'"' + b"a" * 9000 + b'"', b'""', b"itemId"),
    ]
)


def objects(values: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    return st.lists(st.tuples(NAMES, values), max_size=4).map(
        lambda pairs: b"{" + b",".join(name + b":" + value for name, value in pairs) + b"}"
    )


def lists(values: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    return st.lists(values, max_size=4).map(lambda each: b"[" + b",".join(each) + b"]")


# Objects with objects and lists in them, as a basket has.
OBJECTS = objects(VALUES | objects(VALUES) | lists(VALUES | objects(VALUES)))
# A basket with a member more, or with one of its parts replaced.
BASKETS = st.builds(
    lambda name, value: BASKET[:-1] + b', "' + name + b'": ' + value + b"}",
    st.sampled_from([b"itemId", b"quantity", b"unknown"]),
    VALUES,
) | st.builds(
    lambda old, value: BASKET.replace(old, value, 1),
    st.sampled_from(
        [b"1", b'"%s"' % ITEM.encode(), b'"2026-17"', b'"web"', b'"note"', b"[", b"900"]
    ),
    VALUES,
)


@st.composite
def spoilt(draw: st.DrawFn, good: bytes = GOOD) -> bytes:
    """One piece of it cut out, doubled or replaced."""
    at, until = sorted(draw(st.tuples(*[st.integers(0, len(good))] * 2)))
    piece = draw(st.binary(max_size=9) | st.just(good[at:until] * 2))
    return good[:at] + piece + good[until:]


BODIES = st.one_of(
    OBJECTS,
    BASKETS,
    VALUES,
    spoilt(),
    spoilt(BASKET),
    spoilt(EXTENSION),
    st.binary(max_size=300),
    st.sampled_from([GOOD.decode().encode(coding) for coding in ("utf-16", "utf-32", "utf-8-sig")]),
    st.just(GOOD + b" " * 70_000),
)
ASCII = st.characters(min_codepoint=0x21, max_codepoint=0x7E)
LINE = st.text(st.characters(min_codepoint=0x20, max_codepoint=0xFF, exclude_characters="\x7f"))
LINES = LINE.map(lambda text: text.encode("latin-1")) | st.sampled_from(
    [b"", b",", b'""', b'"a","b"', b"W/", b"*", b"a, a", b"%00", b"\xff", b"1e400", b"9" * 5000]
)
CONTENT_TYPES = st.sampled_from(
    [
        *(b"application/json", b"application/json; charset=utf-16", b"application/json;;=,", b""),
        *(b"application/merge-patch+json", b"text/plain", b"multipart/form-data; boundary=x"),
        *(b"application/x-www-form-urlencoded", b"application/json, text/plain", b"\xff/\xff"),
    ]
)
CODINGS = st.sampled_from([b"gzip", b"identity", b"br, gzip", b"", b"deflate,identity", b"\xff"])
NAMED = st.sampled_from(
    [
        *("Authorization", "Idempotency-Key", "If-Match", "If-None-Match", "X-Request-Id"),
        *("Accept", "Accept-Encoding", "Origin", "Cookie", "Range", "Prefer", "Content-Encoding"),
        *("X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Prefix", "Forwarded", "Via"),
        *("X-HTTP-Method-Override", "Access-Control-Request-Method", "Upgrade", "TE", "Referer"),
    ]
)
# A name twice is two lines.
HEADERS = st.lists(st.tuples(NAMED, LINES), max_size=5)
HOSTS = st.sampled_from(
    [
        b"localhost",
        b"[::1]:3100",
        b"h",
        b"",
        b"[::1",
        b"a/b",
        b"h:99999",
        b"a@b",
        b"\xff",
        b"h,h",
        b"h h",
    ]
)

QUOTED = st.sampled_from(
    [
        *("%00", "%ff", "%C0%AF", "%ED%A0%80", "%", "%u0041", "%zz", "%0d%0aX:1", "%2e%2e%2f", "+"),
        *("%2F", "%5C", "a" * 3000, "$ne", "[]", "{}", "%F0%9F%98%80", "%E2%80%AE", "1e400", "-1"),
        *("f_________8AAAAAAAAAAAAAAAA5zjTvY5UU", "%2B0000", "2026-01-31T12:00:00Z", "null", "..;"),
    ]
)
WORDS = st.lists(QUOTED | st.text(ASCII, max_size=12), max_size=4).map("".join)
PARAMETERS = st.sampled_from(
    [
        "itemId",
        "reference",
        "status",
        "createdAfter",
        "createdBefore",
        "cursor",
        "limit",
        "from",
        "to",
        "%00",
        "",
    ]
)
QUERIES = st.lists(st.tuples(PARAMETERS, WORDS | QUOTED), max_size=5).map(
    lambda pairs: "&".join(f"{name}={value}" for name, value in pairs)
)
ROUTES = st.sampled_from(
    [
        *(
            "/api/orders",
            "/api/stock-changes",
            "/api/orders/create",
            "/api",
            "/",
            "/docs/",
            "/metrics",
        ),
        *("/health/live", "/openapi.json", "/docs/assets/", f"/api/orders/{ITEM}", "//api//orders"),
        *(f"/api/orders/{ITEM}/confirm", f"/api/orders/{ITEM}/history"),
    ]
)
TARGETS = st.one_of(
    st.tuples(ROUTES, WORDS).map("/".join),
    st.tuples(ROUTES, WORDS).map("".join),
    st.builds(
        lambda word, route: f"/api/orders/{word}/{route}",
        WORDS,
        st.sampled_from(["cancel", "confirm", "extend", "history"]),
    ),
    st.sampled_from(
        ["*", "h:80", "http://evil.example", "http://evil.example/api/orders", "http://["]
    ),
    WORDS.map(lambda word: f"http://{word}/api/orders"),
    WORDS,
)
METHODS = st.sampled_from(
    ["GET", "HEAD", "POST", "OPTIONS", "PUT", "DELETE", "PATCH", "TRACE", "X"]
)


def request(method: str, target: str, headers: Headers, body: bytes = b"") -> bytes:
    told = [f"{method} {target or '/'} HTTP/1.1".encode("latin-1")]
    if all(name != "Host" for name, _ in headers):
        told.append(b"Host: localhost")
    told += [name.encode() + b": " + value for name, value in headers]
    told += [b"Content-Length: " + str(len(body)).encode()] if body else []
    return b"\r\n".join([*told, b"Connection: close", b"", body])


REQUESTS = {
    "body": st.builds(
        lambda path, body, kind, coding, more: request(
            "POST",
            path,
            [("Content-Type", kind), *coding, *more],
            body,
        ),
        st.sampled_from(["/api/orders", f"/api/orders/{ITEM}/extend"]),
        BODIES,
        CONTENT_TYPES | st.just(b"application/json"),
        st.lists(st.tuples(st.just("Content-Encoding"), CODINGS), max_size=1),
        st.lists(st.tuples(st.just("Idempotency-Key"), LINES), max_size=2),
    ),
    "query": st.builds(
        lambda path, query: request("GET", f"{path}?{query}", []),
        st.sampled_from(["/api/orders", "/api/stock-changes"]),
        QUERIES,
    ),
    "header": st.builds(
        lambda method, path, host, headers: request(method, path, [*host, *headers]),
        METHODS,
        ROUTES,
        st.lists(st.tuples(st.just("Host"), HOSTS), max_size=1),
        HEADERS,
    ),
    "path": st.builds(lambda method, target: request(method, target, []), METHODS, TARGETS),
}
