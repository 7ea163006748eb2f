"""Nothing outlives the process that started it, and a failure tells why."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from devstack.errors import PartFailed
from devstack.mongod_program import telling_line as mongod_line
from devstack.processes import ManagedProcess, last_telling_line
from tests.devstack.leftovers import MARK, marked
from tests.waiting import until

FAMILY = ["sh", "-c", "sleep 600 & sleep 600 & echo started; wait"]


def family(tmp_path: Path, mark: str) -> ManagedProcess:
    env = os.environ | {MARK: mark}
    process = ManagedProcess("The family", FAMILY, tmp_path / "family.log", env=env)
    process.start()
    process.wait_until(lambda: "started" in process.log(), timeout=5)
    return process


def test_kill_takes_the_children_of_a_program_along(tmp_path: Path) -> None:
    process = family(tmp_path, mark := str(tmp_path))
    assert len(marked(mark)) == 3
    process.kill()
    until(lambda: not marked(mark), "its end")
    assert not process.alive


def test_stopping_a_program_leaves_no_children_and_may_be_repeated(tmp_path: Path) -> None:
    process = family(tmp_path, mark := str(tmp_path))
    process.stop()
    process.stop()
    until(lambda: not marked(mark), "its end")


def test_a_program_outlives_the_thread_that_started_it(tmp_path: Path) -> None:
    started: list[ManagedProcess] = []
    mark = str(tmp_path)
    thread = threading.Thread(target=lambda: started.append(family(tmp_path, mark)))
    thread.start()
    thread.join()
    assert len(marked(mark)) == 3
    started[0].kill()


def test_a_program_and_its_children_die_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    mark = str(tmp_path)
    script = (
        "from pathlib import Path; import time\n"
        "from tests.devstack.test_processes import family\n"
        f"family(Path({mark!r}), {mark!r}); print('up', flush=True); time.sleep(600)\n"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"up\n"
        assert len(marked(mark)) == 3
        parent.send_signal(signal.SIGKILL)
    until(lambda: not marked(mark), "its end")


def test_a_program_that_dies_at_its_start_is_named_with_its_log_and_its_last_words(
    tmp_path: Path,
) -> None:
    command = ["sh", "-c", "echo 'Error: no such key'; echo bye; exit 3"]
    process = ManagedProcess("The lock", command, tmp_path / "lock.log")
    process.start()
    with pytest.raises(PartFailed) as failed:
        process.wait_until(lambda: False, timeout=5)
    assert str(failed.value) == (
        f"The lock died (exit code 3). It last said: Error: no such key (log: {tmp_path}/lock.log)"
    )


def test_the_last_words_of_a_program_are_those_of_its_latest_run(tmp_path: Path) -> None:
    log = tmp_path / "lock.log"
    log.write_text("Error: of yesterday\n")
    process = ManagedProcess("The lock", ["sh", "-c", "echo all well; exit 1"], log)
    with pytest.raises(PartFailed, match="all well"):
        process.run()


def test_a_program_that_is_not_ready_in_time_fails(tmp_path: Path) -> None:
    process = ManagedProcess("The snail", ["sleep", "600"], tmp_path / "snail.log")
    process.start()
    with pytest.raises(PartFailed, match=r"The snail was not ready after 0\.05 s"):
        process.wait_until(lambda: False, timeout=0.05)
    process.kill()


def test_the_last_telling_line_of_gunicorns_log_is_the_cause_and_no_later_line() -> None:
    log = (
        "Traceback (most recent call last):\n"
        "ModuleNotFoundError: No module named 'x'\n"
        "[2026-01-01 00:00:00 +0000] [7] [INFO] Worker exiting (pid: 7)\n"
        "[2026-01-01 00:00:00 +0000] [6] [ERROR] Worker (pid:7) exited with code 3\n"
        "gunicorn.errors.HaltServer: <HaltServer 'Worker failed to boot.' 3>\n"
    )
    assert last_telling_line(log) == "ModuleNotFoundError: No module named 'x'"


def test_the_telling_line_of_mongods_log_is_the_last_cause() -> None:
    log = (
        '{"s":"E","msg":"Failed","attr":{"error":"DBPathInUse: locked"}}\n'
        '{"s":"F","msg":"Writing fatal message","attr":{"message":"Got signal: 6"}}\n'
        '{"s":"I","msg":"bye"}\n'
    )
    assert mongod_line(log) == "Failed: DBPathInUse: locked"
