"""Writes devstack/kafka_jars.txt: every jar of Apache Kafka KAFKA_VERSION.

    python -m tools.kafka_jars

jgo resolves the jars that Kafka's POMs ask for today. Later downloads take the jars in the file,
whatever was published since.
"""

import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

from devstack.kafka_jars import KAFKA_VERSION, PINS, Jar

_COORDINATES = f"org.apache.kafka:kafka_2.13:{KAFKA_VERSION}+org.slf4j:slf4j-simple:1.7.36"
_HEAD = "# Written by make requirements: the SHA-256 and the Maven coordinates of each jar.\n"


def resolved() -> list[Jar]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        places = ["--repo-cache", str(folder / "maven"), "--cache-dir", str(folder / "jgo")]
        command = [sys.executable, "-m", "jgo", "--resolver", "python", *places]
        subprocess.run([*command, "info", "jars", _COORDINATES], check=True, capture_output=True)
        (lock,) = folder.rglob("jgo.lock.toml")
        found = tomllib.loads(lock.read_text(encoding="utf-8"))["dependencies"]
    return [Jar(d["sha256"], d["groupId"], d["artifactId"], d["version"]) for d in found]


def main() -> None:
    jars = sorted(resolved(), key=lambda jar: jar.coordinates)
    lines = (f"{jar.sha256}  {jar.coordinates}\n" for jar in jars)
    PINS.write_text(_HEAD + "".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
