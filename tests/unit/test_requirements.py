"""The pinned requirements follow setup.cfg; `make requirements` writes them again."""

import re
from collections.abc import Iterator
from configparser import ConfigParser
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PINNED_FILES = [
    "requirements.txt",
    "requirements-dev.txt",
    "docker/requirements-tracing.txt",
    "docker/requirements-build.txt",
    "bench/peers/fastapi/requirements.txt",
    "tools/node/requirements.txt",
    "tools/kubernetes/requirements.txt",
]


def entries(path: str) -> Iterator[str]:
    """Each requirement with its hashes, on one line."""
    text = (ROOT / path).read_text(encoding="utf-8").replace("\\\n", "")
    return (line for line in text.splitlines() if line and not line.lstrip().startswith("#"))


def pins(path: str) -> dict[str, str]:
    found = [Requirement(entry.split(" --hash")[0]) for entry in entries(path)]
    return {canonicalize_name(r.name): str(r.specifier).removeprefix("==") for r in found}


def loose(*extras: str) -> list[Requirement]:
    config = ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    texts = [config["options"]["install_requires"]]
    texts += [config["options.extras_require"][extra] for extra in extras]
    lines = (line.strip() for text in texts for line in text.splitlines())
    return [Requirement(line) for line in lines if line and not line.startswith("#")]


@pytest.mark.parametrize("path", PINNED_FILES)
def test_every_requirement_is_pinned_with_hashes(path: str) -> None:
    exact = re.compile(r"^[a-z0-9-]+==[^ ]+( ; .+?)? +(--hash=sha256:[0-9a-f]{64} *)+$")
    assert [entry for entry in entries(path) if not exact.match(entry)] == []


@pytest.mark.parametrize("path", PINNED_FILES)
def test_no_requirement_names_a_host_or_a_place_on_a_disk(path: str) -> None:
    assert not re.search(r"://|file:/|--[a-z-]*(url|links|host)", (ROOT / path).read_text("utf-8"))


@pytest.mark.parametrize(
    ("path", "extras"),
    [
        ("requirements.txt", ()),
        ("requirements-dev.txt", ("dev", "devstack", "tracing")),
        ("docker/requirements-tracing.txt", ("tracing",)),
    ],
)
def test_pinned_requirements_are_what_setup_cfg_allows(path: str, extras: tuple[str, ...]) -> None:
    pinned = pins(path)
    for wanted in loose(*extras):
        assert wanted.specifier.contains(pinned[canonicalize_name(wanted.name)]), wanted


def test_development_has_the_pinned_requirements_of_production() -> None:
    production = pins("requirements.txt")
    development = pins("requirements-dev.txt")
    assert {name: development.get(name) for name in production} == production


def test_the_image_is_installed_without_a_resolver() -> None:
    text = (ROOT / "docker" / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
    commands = re.findall(r"\bpip\b[^&\n]*? (?:install|wheel) [^&\n]*", text)

    assert len(commands) == 4
    for command in commands:
        assert "--no-deps" in command
        if " -r " in command:
            assert "--require-hashes --only-binary :all:" in command
        else:
            assert command.split()[-1] in (".", "/wheels/*")
