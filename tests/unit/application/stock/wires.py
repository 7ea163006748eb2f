"""Wires around the ports of a process, which count the process's calls, and may disturb one."""

from collections.abc import Callable
from typing import Any


class Crash(BaseException):
    """The process is gone: nothing of it runs any more."""


Happening = Callable[[object], None]


class Tripwire:
    """Counts the calls of a process's ports and disturbs one: ``happen`` runs there once, if the
    port is a ``kind``."""

    def __init__(
        self,
        at: int = -1,
        after: bool = False,
        happen: Happening = lambda port: None,
        kind: type = object,
    ) -> None:
        self.calls = 0
        self.happened = False
        self._at = at
        self._after = after
        self._happen = happen
        self._kind = kind

    @property
    def reached(self) -> bool:
        """Whether there were so many calls."""
        return self.calls > self._at

    def around(self, port: object) -> Any:
        return _Wired(self, port)

    def call(self, port: object, name: str, args: tuple[Any, ...]) -> Any:
        number, self.calls = self.calls, self.calls + 1
        hit = number == self._at and isinstance(port, self._kind)
        if hit and not self._after:
            self._disturb(port)
        result = getattr(port, name)(*args)
        if hit and self._after:
            self._disturb(port)
        return result

    def _disturb(self, port: object) -> None:
        self.happened = True
        self._happen(port)


class Recording(Tripwire):
    """``calls_made``: each port's call by its name, with its first argument. ``before``: what
    happens right before a call of that name."""

    def __init__(self, **before: Callable[[], object]) -> None:
        super().__init__()
        self.calls_made: list[tuple[str, Any]] = []
        self._before = before

    def call(self, port: object, name: str, args: tuple[Any, ...]) -> Any:
        self.calls_made.append((name, args[0] if args else None))
        if name in self._before:
            self._before[name]()
        return super().call(port, name, args)

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self.calls_made]

    def arguments(self, name: str) -> list[Any]:
        return [argument for called, argument in self.calls_made if called == name]


class DiesAt(Tripwire):
    """Its process dies at its first call of that name, before or after the call takes effect."""

    def __init__(self, name: str, *, after: bool) -> None:
        super().__init__()
        self._name, self._dies_after = name, after

    def call(self, port: object, name: str, args: tuple[Any, ...]) -> Any:
        if name == self._name and not self._dies_after:
            raise Crash
        result = super().call(port, name, args)
        if name == self._name:
            raise Crash
        return result


class _Wired:
    def __init__(self, wire: Tripwire, port: object) -> None:
        self._wire = wire
        self._port = port

    def __getattr__(self, name: str) -> Callable[..., Any]:
        return lambda *args: self._wire.call(self._port, name, args)
