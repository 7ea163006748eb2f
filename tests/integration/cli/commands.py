"""What the driver really sends."""

from typing import Any

from pymongo.monitoring import (
    CommandFailedEvent,
    CommandListener,
    CommandStartedEvent,
    CommandSucceededEvent,
)


class Commands(CommandListener):
    """Give it to ``connect`` as ``event_listeners``."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []

    def started(self, event: CommandStartedEvent) -> None:
        self.sent.append(dict(event.command))

    def succeeded(self, event: CommandSucceededEvent) -> None:
        """Not of interest."""

    def failed(self, event: CommandFailedEvent) -> None:
        """Not of interest."""

    def named(self, name: str) -> list[dict[str, Any]]:
        return [command for command in self.sent if next(iter(command)) == name]
