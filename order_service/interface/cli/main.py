"""``order-service``: the commands; everything but the API."""

import re
import sys
from collections.abc import Callable
from functools import partial
from typing import Any, Final, Protocol

import click

from order_service.domain.errors import OrderServiceError
from order_service.interface.cli.dead_letters import MakesDeadLetterTools, dead_letters
from order_service.interface.cli.dev_token import dev_token
from order_service.interface.cli.orders import MakesOrderTools, orders
from order_service.interface.cli.reconcile import MakesReconcile, reconcile
from order_service.interface.cli.showing import printable
from order_service.settings import SettingsError

# Python turns a byte that is not UTF-8 into half a surrogate, which no store takes.
_HALF_A_SURROGATE: Final = re.compile("[\ud800-\udfff]")
INTERRUPTED = 130
Say = Callable[[str], None]


class Composition(MakesDeadLetterTools, MakesOrderTools, MakesReconcile, Protocol):
    """What the commands need of the composition root; made only when a command runs."""

    def migrate(self, done: Say, going_on: Say, resolve_doubles: bool) -> None: ...

    def run_worker(self) -> int: ...


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="order-service", message="%(prog)s %(version)s")
def cli() -> None:
    """Take orders that are never lost, doubled or oversold.

    Settings come from the environment, then from .env in the current folder, or above it in a
    checkout; .env.example lists them. The REST API is started with `gunicorn wsgi:app`.
    """


@cli.command()
@click.option(
    "--resolve-doubles",
    is_flag=True,
    help="Where orders share a key, or log entries a record, let the oldest keep it. The other "
    "orders stay, without the key; the other entries move to stock_changes_doubled. Names them.",
)
@click.pass_obj
def migrate(composition: Composition, resolve_doubles: bool) -> None:
    """Make the database's indexes, and say what was done about each.

    Run it before the first start and after each upgrade. It is safe to repeat, to interrupt, and to
    run while the service runs. It takes as long as the indexes take, and says how far each index
    is. Before it has run, the API and the worker are not ready, and write nothing.

    The log of stock changes is kept as STOCK_CHANGE_RETENTION_DAYS says; where that is not set, as
    long as before.
    """
    try:
        composition.migrate(click.echo, partial(click.echo, err=True), resolve_doubles)
    except KeyboardInterrupt:
        click.echo(
            "Stopped waiting. The database goes on with the index that it is making: run "
            "`order-service migrate` again to wait for it, and for what is left.",
            err=True,
        )
        sys.exit(INTERRUPTED)
    click.echo("The database is up to date.")


@cli.command()
@click.pass_obj
def worker(composition: Composition) -> None:
    """Run the worker until SIGTERM or Ctrl-C.

    It writes the stock-change log from Kafka, publishes the orders' events, expires the holds that
    nobody confirmed, and settles the orders that a crash left unfinished. Several may run at once.
    SIGTERM and Ctrl-C finish the work in hand.
    """
    sys.exit(composition.run_worker())


cli.add_command(dead_letters)
cli.add_command(dev_token)
cli.add_command(orders)
cli.add_command(reconcile)


def run(compose: Callable[[], Composition], args: list[str] | None = None) -> Any:
    """Every expected failure prints one line and ends with exit code 1. A file or a device that
    fails is an expected failure."""
    words = sys.argv[1:] if args is None else args
    if any(_HALF_A_SURROGATE.search(word) for word in words):
        click.echo("The command line is not UTF-8: type the arguments again.", err=True)
        sys.exit(2)
    try:
        return cli.main(args=args, prog_name="order-service", obj=_Lazy(compose))
    except (SettingsError, OrderServiceError, OSError) as error:
        click.echo(printable(str(error)), err=True)
        sys.exit(1)


class _Lazy:
    """Composes at the first use, so that `--help` works without any settings."""

    def __init__(self, compose: Callable[[], Composition]) -> None:
        self._compose = compose
        self._composition: Composition | None = None

    def __getattr__(self, name: str) -> Any:
        if self._composition is None:
            self._composition = self._compose()
        return getattr(self._composition, name)
