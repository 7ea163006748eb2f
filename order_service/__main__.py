"""``order-service``, and ``python -m order_service``."""

from contextlib import ExitStack

from order_service.bootstrap.commands import Commands
from order_service.bootstrap.load import load_settings
from order_service.infrastructure.telemetry import logs
from order_service.interface.cli.main import run


def main() -> None:
    with ExitStack() as stack:
        run(lambda: _commands(stack))


def _commands(stack: ExitStack) -> Commands:
    settings = load_settings()
    # A command prints a line of its own about an error.
    logs.configure("CRITICAL")
    return Commands(settings, stack)


if __name__ == "__main__":
    main()
