"""Each alert has its section in the runbook, and the sections' commands exist."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from order_service.interface.cli.main import cli

CHECKOUT = Path(__file__).parents[2]
RUNBOOK = (CHECKOUT / "docs" / "runbook.md").read_text(encoding="utf-8")
ALERTS = (CHECKOUT / "operations" / "prometheus" / "alerts.yml").read_text(encoding="utf-8")
TESTS = (CHECKOUT / "operations" / "prometheus" / "alerts_test.yml").read_text(encoding="utf-8")


def alerts() -> list[dict[str, Any]]:
    return [rule for group in yaml.safe_load(ALERTS)["groups"] for rule in group["rules"]]


def commands() -> Iterator[list[str]]:
    for block in re.findall(r"```sh\n(.*?)```", RUNBOOK, re.DOTALL):
        for line in block.splitlines():
            words = shlex.split(line, comments=True)
            if words[:1] == ["order-service"]:
                yield ["a" * 24 if word in ("ORDER", "ITEM") else word for word in words[1:]]


def test_each_alert_has_its_section_in_the_runbook_and_each_section_its_alert() -> None:
    sections = re.findall(r"^### (.+)$", RUNBOOK, re.MULTILINE)
    assert sorted(sections) == sorted(alert["alert"] for alert in alerts())


@pytest.mark.parametrize("alert", alerts(), ids=lambda alert: alert["alert"])
def test_an_alert_says_what_is_wrong_how_urgent_it_is_and_where_its_section_is(
    alert: dict[str, Any],
) -> None:
    told = alert["annotations"]
    assert told["runbook_url"] == f"docs/runbook.md#{alert['alert'].lower()}"
    assert told["summary"]
    assert told["description"]
    assert alert["labels"]["severity"] in ("page", "ticket")
    # Its tests show it firing.
    assert f'alertname="{alert["alert"]}"' in TESTS


def test_each_section_says_what_to_look_at_what_to_do_and_what_not_to_do() -> None:
    for section in RUNBOOK.split("\n### ")[1:]:
        for part in ("Means.", "Look.", "Do.", "Don't"):
            assert f"\n**{part}**" in section, section.splitlines()[0]


@pytest.mark.parametrize("words", [*commands()], ids=" ".join)
def test_a_command_of_the_runbook_is_one_that_order_service_takes(words: list[str]) -> None:
    command: click.Command = cli
    while isinstance(command, click.Group):
        command = command.commands[words.pop(0)]
    command.make_context("order-service", words)
