"""``order-service reconcile``: compare orders, stock-change log and stock."""

import json
import sys
import traceback
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, Protocol

import click
from tqdm import tqdm

from order_service.application.words import clock_time, counted
from order_service.domain.errors import OrderServiceError
from order_service.interface.cli import reconcile_view as view
from order_service.interface.cli.parameters import Within, hex_id, moment
from order_service.interface.cli.showing import iso, printable
from order_service.reconciliation.reconcile import Reconcile
from order_service.reconciliation.report import ItemReport
from order_service.settings import SettingsError

AGREES, DIFFERS, NOT_DONE = 0, 1, 2
_A_YEAR = 366 * 86_400
_STUCK = "stuck_order"


class MakesReconcile(Protocol):
    def reconcile(self, grace: timedelta) -> Reconcile: ...


class Summary:
    def __init__(self) -> None:
        self.items = self.differing = 0
        self.kinds: Counter[str] = Counter()

    def add(self, report: ItemReport) -> None:
        self.items += 1
        self.differing += not report.agrees
        self.kinds.update(finding.kind for finding in report.findings if finding.differs)
        if report.stuck:
            self.kinds[_STUCK] += report.stuck

    @property
    def exit_code(self) -> int:
        return DIFFERS if self.differing else AGREES


@click.command()
@click.option("--item", callback=hex_id, metavar="ID", help="Only this item.")
@click.option(
    "--since",
    callback=moment,
    metavar="TIME",
    help="Only changes since 2026-01-31T12:00Z, or since 90m, 2h, 3d ago.",
)
@click.option(
    "--grace",
    type=Within(0, _A_YEAR),
    default=60,
    show_default=True,
    metavar="SECONDS",
    help="How long the log may take to hear of a change; newer changes are not judged.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document, for programs.")
@click.pass_obj
def reconcile(
    composition: MakesReconcile,
    /,
    item: str | None,
    since: datetime | None,
    grace: float,
    as_json: bool,
) -> None:
    """Compare the orders with the stock-change log and with the stock.

    For each item: the units that orders took and gave back, the changes in the log, those among
    them by other writers, and the stock now. Names every difference: updates lost between two
    writers, orders whose change nothing shows, changes missing from the log, stock that is not
    where the log left it. Changes by other writers are reported, and are no difference. Orders and
    changes that are newer than --grace are not judged.

    The exit code is 0 when all agrees, 1 when something differs or an order is stuck, 2 when it
    could not be found out, whatever the reason.
    """
    summary = Summary()
    with _ends_as_not_done():
        use_case = composition.reconcile(timedelta(seconds=grace))
        with tqdm(
            total=use_case.size(item, since), unit=" records", disable=None, leave=False, delay=1
        ) as bar:
            reports = _counted(use_case(item, since, bar.update), summary)
            show = _show_json if as_json else _show_table
            show(reports, summary, use_case.compared_since(since))
    sys.exit(summary.exit_code)


@contextmanager
def _ends_as_not_done() -> Iterator[None]:
    """Exit with NOT_DONE, whatever ends the command early. Python's own exit code for an error
    would say that something differs."""
    try:
        yield
    except (OrderServiceError, SettingsError, OSError) as error:
        click.echo(printable(str(error)), err=True)
    except KeyboardInterrupt:
        click.echo("Interrupted before all items were compared: run the command again.", err=True)
    except Exception:  # noqa: BLE001  (a defect, told as Python tells one)
        traceback.print_exc()
    else:
        return
    sys.exit(NOT_DONE)


def _counted(reports: Iterator[ItemReport], summary: Summary) -> Iterator[ItemReport]:
    for report in reports:
        summary.add(report)
        yield report


def _show_table(reports: Iterator[ItemReport], summary: Summary, since: datetime | None) -> None:
    if since is not None:
        _print(f"Since {clock_time(since)}")
    for number, report in enumerate(reports):
        if number == 0:
            _print(view.HEADING)
        for line in view.lines(report):
            _print(printable(line))
    _print(_closing_line(summary))


def _closing_line(summary: Summary) -> str:
    if not summary.differing:
        return f"{counted(summary.items, 'item')}: all agrees."
    kinds = ", ".join(f"{number} {kind}" for kind, number in sorted(summary.kinds.items()))
    differ = "differs" if summary.differing == 1 else "differ"
    return f"{counted(summary.items, 'item')}, of which {summary.differing} {differ}: {kinds}."


def _show_json(reports: Iterator[ItemReport], summary: Summary, since: datetime | None) -> None:
    """Writes report by report, so that memory does not grow with the number of items. The JSON
    document is complete even when an error ends the comparison early."""
    error: Exception | None = None
    _print(f'{{"since": {json.dumps(iso(since))}, "items": [', newline=False)
    try:
        for number, report in enumerate(reports):
            _print(("," if number else "") + "\n" + json.dumps(view.as_json(report)), newline=False)
    except Exception as stopped:  # noqa: BLE001  (raised again below)
        error = stopped
    _print("\n], " + json.dumps({"summary": _summary_fields(summary, error)})[1:])
    if error is not None:
        raise error


def _summary_fields(summary: Summary, error: Exception | None) -> dict[str, Any]:
    return {
        "items": summary.items,
        "differing": summary.differing,
        "differences": dict(summary.kinds),
        "complete": error is None,
        "error": error and _error_fields(error),
    }


def _error_fields(error: Exception) -> dict[str, str]:
    if isinstance(error, OrderServiceError):
        return {"code": error.code, "message": error.message}
    return {"code": "internal_error", "message": "Something went wrong: see standard error."}


def _print(text: str, *, newline: bool = True) -> None:
    """Print to stdout without breaking the progress bar on stderr."""
    with tqdm.external_write_mode():
        click.echo(text, nl=newline)
