"""A run as an SVG: for each work a bar for each service, with the spread over the rounds."""

import statistics
from collections.abc import Callable, Iterator, Sequence
from html import escape

from bench.works import WORKS, Measured

_COLOURS = {
    "ours": "#0b6e4f",
    "conditional": "#0b6e4f",
    "express": "#c8912b",
    "fastapi": "#5b7db1",
    "bare": "#9a9a9a",
}
# The figures beside those of the conditional contract, which no peer speaks.
_BESIDE = {"conditional": ("create", "express")}
_NAMES = {
    "ours": "Order Service",
    "conditional": "Order Service",
    "express": "Express",
    "fastapi": "FastAPI",
    "bare": "bare Flask",
}
_WIDTH, _LEFT, _BAR, _GAP = 860, 120, 16, 6
# The length of the longest bar, and the start of the second column of bars.
_LONGEST, _SECOND = 230, 370
Figure = Callable[[Measured], float]
_COLUMNS: tuple[tuple[str, Figure, str], ...] = (
    ("requests/s (more is better)", lambda each: each.rate, ",.0f"),
    ("CPU ms a request (less is better)", lambda each: each.cpu, ".2f"),
)


def drawn(results: Sequence[Measured], caption: str) -> str:
    """The picture's text."""
    parts = [_text(_LEFT, 20, caption, "small")]
    for column, (title, _, _) in enumerate(_COLUMNS):
        parts.append(_text(_LEFT + column * _SECOND, 46, title, "head"))
    y = 60
    for work in WORKS.values():
        rows = _by_service(_results_of(results, work.name))
        if rows:
            parts.append(_text(_LEFT, y + 14, work.title, "work"))
            parts += _bars(rows, y + 22)
            y += 34 + len(rows) * (_BAR + _GAP)
    style = (
        "text{font:13px sans-serif;fill:#222}.small{font-size:11px;fill:#666}"
        ".head{font-weight:bold}.work{font-style:italic}"
    )
    size = f'width="{_WIDTH}" height="{y}" viewBox="0 0 {_WIDTH} {y}"'
    body = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" {size}>\n<style>{style}</style>\n'
        f'<rect width="100%" height="100%" fill="#fff"/>\n{body}\n</svg>\n'
    )


def _results_of(results: Sequence[Measured], work: str) -> list[Measured]:
    pairs = {(work, service) for service in _NAMES} | {_BESIDE.get(work)}
    return [each for each in results if (each.work, each.service) in pairs]


def _by_service(results: Sequence[Measured]) -> dict[str, list[Measured]]:
    """In the order of the colours, not of the measurements."""
    rows = {name: [each for each in results if each.service == name] for name in _COLOURS}
    return {name: found for name, found in rows.items() if found}


def _bars(rows: dict[str, list[Measured]], y: int) -> Iterator[str]:
    for column, (_, figure, shape) in enumerate(_COLUMNS):
        most = max(figure(each) for found in rows.values() for each in found)
        for number, (service, found) in enumerate(rows.items()):
            top = y + number * (_BAR + _GAP)
            if column == 0:
                yield _text(_LEFT - 8, top + 13, _NAMES[service], "", anchor="end")
            values = [figure(each) * _LONGEST / most for each in found]
            told = format(statistics.median(map(figure, found)), shape)
            yield from _bar(_LEFT + column * _SECOND, top, values, _COLOURS[service], told)


def _bar(x: int, y: int, lengths: Sequence[float], colour: str, told: str) -> Iterator[str]:
    """The bar's length is the median; a line across its end spans the least and the most."""
    low, middle, high = min(lengths), statistics.median(lengths), max(lengths)
    yield f'<rect x="{x}" y="{y}" width="{middle:.1f}" height="{_BAR}" fill="{colour}"/>'
    yield (
        f'<path d="M{x + low:.1f} {y + _BAR / 2}H{x + high:.1f}M{x + low:.1f} {y + 4}v8'
        f'M{x + high:.1f} {y + 4}v8" stroke="#222" fill="none"/>'
    )
    yield _text(round(x + high + 8), y + 13, told, "")


def _text(x: int, y: int, words: str, kind: str, anchor: str = "start") -> str:
    return f'<text x="{x}" y="{y}" class="{kind}" text-anchor="{anchor}">{escape(words)}</text>'
