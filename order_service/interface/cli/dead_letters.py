"""``order-service dead-letters``: the records that could not become stock changes."""

import json
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from textwrap import indent
from typing import Any, Protocol, TypeVar

import click
from tqdm import tqdm

from order_service.application.stock_log.dead_letters import DeadLetter, DeadLetterQuery
from order_service.application.stock_log.read_dead_letters import FoundLetter, ReadDeadLetters
from order_service.application.stock_log.replay_dead_letters import (
    MOST_REPLAYS,
    ReplayDeadLetters,
    ReplayOptions,
    ReplayReport,
)
from order_service.application.words import counted, names
from order_service.interface.cli import dead_letter_view as view
from order_service.interface.cli.parameters import AT_MOST, moment

Command = TypeVar("Command", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class DeadLetterTools:
    read: ReadDeadLetters
    replay: ReplayDeadLetters


class MakesDeadLetterTools(Protocol):
    def dead_letters(self) -> DeadLetterTools: ...


def _filters(command: Command) -> Command:
    """The options that choose letters, and ``ids`` as arguments."""
    for option in (
        click.option("--topic", help="Only letters of this topic, named without -dlt."),
        click.option(
            "--since",
            callback=moment,
            help="Buried since 2026-01-31T12:00Z, or 90m, 2h, 3d ago.",
        ),
        click.option("--code", help="Only letters with this fault: not_json, missing_field, …"),
        click.option("--limit", type=AT_MOST, help="At most this many letters."),
        click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs."),
        click.argument("ids", nargs=-1, metavar="[ID]..."),
    ):
        command = option(command)
    return command


@click.group("dead-letters")
def dead_letters() -> None:
    """Look at stock events that could not be logged, and send them again.

    A record of a stock topic that can't be logged is never skipped: the worker puts a dead letter
    into <topic>-dlt, with the record and what is wrong with it. Mend the cause, replay the dead
    letters, and list those that are left.
    """


@dead_letters.command("list")
@click.option(
    "--all", "all_letters", is_flag=True, help="Also those whose record is logged by now."
)
@_filters
@click.pass_obj
def list_letters(
    composition: MakesDeadLetterTools, /, all_letters: bool, as_json: bool, **filters: Any
) -> None:
    """List dead letters, a line each (at most 100 without --limit)."""
    query = _query(**{**filters, "limit": filters["limit"] or 100}, waiting=not all_letters)
    read = composition.dead_letters().read
    if as_json:
        _echo_json(read(query))
        return
    number = 0
    for number, each in enumerate(read(query), 1):
        if number == 1:
            click.echo(view.HEADING)
        click.echo(view.line(each))
    if not number:
        click.echo(f"No dead letters.{_missing(read, query)}")


@dead_letters.command()
@_filters
@click.pass_obj
def show(composition: MakesDeadLetterTools, /, as_json: bool, **filters: Any) -> None:
    """Show dead letters whole: the value, and what is wrong (10 without an ID or --limit)."""
    query = _query(**{**filters, "limit": filters["limit"] or (None if filters["ids"] else 10)})
    read = composition.dead_letters().read
    shown = _echo_json(read(query)) if as_json else _echo_pages(read, query)
    sys.exit(0 if shown or not filters["ids"] else 1)


@dead_letters.command()
@click.option("--dry-run", is_flag=True, help="Say what would be replayed; send nothing.")
@click.option("--force", is_flag=True, help=f"Also letters that came back {MOST_REPLAYS} times.")
@_filters
@click.pass_obj
def replay(
    composition: MakesDeadLetterTools, /, dry_run: bool, force: bool, as_json: bool, **filters: Any
) -> None:
    """Send records of dead letters to their topics again (all without an ID or an option).

    A record is logged once, however often it is replayed, and a record that is in the log already
    is not sent. A record that is still wrong comes back as a new dead letter; after it came back
    three times, it is not sent again without --force.
    """
    tools = composition.dead_letters()
    query = _query(**filters)
    # Read again and again: for the last letter of each record, then for those to replay.
    with tqdm(total=tools.replay.size(query), unit=" letters", disable=None, leave=False) as bar:
        report = tools.replay(query, ReplayOptions(dry_run, force), partial(_step, bar))
    click.echo(
        json.dumps(_report_fields(report, dry_run)) if as_json else _summary(report, dry_run)
    )
    sys.exit(1 if report.failed or report.looping or report.cut else 0)


def _echo_json(found: Iterable[FoundLetter]) -> int:
    """Prints letter by letter, for each may be large; returns the number of letters."""
    number = 0
    for number, each in enumerate(found, 1):
        click.echo("[" if number == 1 else ",")
        click.echo(indent(json.dumps(view.as_json(each), indent=2), "  "), nl=False)
    click.echo("\n]" if number else "[]")
    return number


def _echo_pages(read: ReadDeadLetters, query: DeadLetterQuery) -> int:
    number = 0
    for number, each in enumerate(read(query), 1):
        click.echo(("\n" if number > 1 else "") + view.page(each))
    if not number:
        click.echo(f"No such dead letter.{_missing(read, query)}")
    return number


def _missing(read: ReadDeadLetters, query: DeadLetterQuery) -> str:
    return "".join(f" Kafka has no topic {topic}." for topic in read.missing(query))


def _step(bar: "tqdm[Any]") -> None:
    bar.update()


def _query(ids: Sequence[str], **fields: Any) -> DeadLetterQuery:
    return DeadLetterQuery(ids=frozenset(ids), **fields)


def _report_fields(report: ReplayReport, dry_run: bool) -> dict[str, Any]:
    return {
        "dryRun": dry_run,
        "replayed": [letter.id for letter in report.replayed],
        "alreadyLogged": report.logged,
        "superseded": report.superseded,
        "looping": [letter.id for letter in report.looping],
        "cut": [letter.id for letter in report.cut],
        "failed": [letter.id for letter in report.failed],
    }


def _summary(report: ReplayReport, dry_run: bool) -> str:
    """For each outcome how many letters met it, why, and what to do."""
    verb = "Would replay" if dry_run else "Replayed"
    lines = [f"{verb} {_letters(report.replayed, named=dry_run)}."]
    if report.logged:
        lines.append(f"Left alone {_number(report.logged)} whose record is in the log already.")
    if report.superseded:
        lines.append(f"Left alone {_number(report.superseded)} whose record has a newer letter.")
    if report.looping:
        lines.append(
            f"Refused {_letters(report.looping)} that came back {MOST_REPLAYS} times: mend the "
            "cause, then replay with --force."
        )
    if report.cut:
        lines.append(
            f"Refused {_letters(report.cut)}, kept in part: `order-service dead-letters show` says "
            "where each original is. Have its sender send it again, smaller."
        )
    if report.failed:
        lines.append(
            f"The broker did not confirm {_letters(report.failed)}: replay again. A record that "
            "arrived twice is logged once."
        )
    return "\n".join(lines)


def _letters(letters: Sequence[DeadLetter], *, named: bool = True) -> str:
    ids = names([letter.id for letter in letters])
    return _number(len(letters)) + (f" ({ids})" if named and ids else "")


def _number(letters: int) -> str:
    return counted(letters, "dead letter")
