"""The jars of Apache Kafka that the checkout pins, and a check of a folder against the pins.

``python -m devstack.kafka_jars FOLDER`` fetches the jars into a Maven repository in FOLDER.
"""

import hashlib
import ssl
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

KAFKA_VERSION = "4.1.0"
PINS = Path(__file__).with_name("kafka_jars.txt")
_TIMEOUT = 60


@dataclass(frozen=True)
class Jar:
    """``sha256``: of its content, in hexadecimal."""

    sha256: str
    group: str
    artifact: str
    version: str

    @property
    def coordinates(self) -> str:
        return f"{self.group}:{self.artifact}:{self.version}"

    @property
    def file_name(self) -> str:
        return f"{self.artifact}-{self.version}.jar"


def pinned_jars() -> list[Jar]:
    lines = PINS.read_text(encoding="utf-8").splitlines()
    pairs = (line.split() for line in lines if not line.startswith("#"))
    return [Jar(digest, *coordinates.split(":")) for digest, coordinates in pairs]


def differences(folder: Path) -> Iterator[str]:
    """The differences of ``folder`` from the pinned jars, one text for each file."""
    wanted = {jar.file_name: jar.sha256 for jar in pinned_jars()}
    here = {path.name: path for path in folder.glob("*.jar")}
    yield from (f"{name} is missing" for name in wanted.keys() - here.keys())
    yield from (f"{name} is not pinned" for name in here.keys() - wanted.keys())
    for name in wanted.keys() & here.keys():
        with here[name].open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if found != wanted[name]:
            yield f"{name} has the SHA-256 {found}, and {wanted[name]} is pinned"


def fetch(folder: Path) -> None:
    """Fetches from Maven Central, or the repositories in the user's jgo.conf; fetches no POM."""
    # Imported here: they take a second to load, and only a download needs them.
    from jgo.config import GlobalSettings
    from jgo.constants import MAVEN_CENTRAL_URL
    from jgo.maven import MavenContext

    places = {"central": MAVEN_CENTRAL_URL, **GlobalSettings.load().repositories}
    maven = MavenContext(repo_cache=folder, remote_repos=places, timeout=_TIMEOUT)
    for jar in pinned_jars():
        maven.project(jar.group, jar.artifact).at_version(jar.version).artifact().resolve()


def _root_of(error: BaseException) -> BaseException:
    """The first error of the chain: under requests and urllib3 the system's own error."""
    while error.__context__:
        error = error.__context__
    return error


def main() -> None:
    try:
        fetch(Path(sys.argv[1]))
    except (OSError, RuntimeError) as error:
        root = _root_of(error)
        remedy = ". Name the proxy's authority in REQUESTS_CA_BUNDLE"
        sys.exit(f"Error: {root}{remedy if isinstance(root, ssl.SSLError) else ''}")


if __name__ == "__main__":
    main()
