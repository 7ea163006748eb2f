"""A real redis-server, as Debian packages it."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from redis import Redis, RedisError
from redis.backoff import NoBackoff
from redis.retry import Retry

from devstack.part import Part
from devstack.ports import free_port
from devstack.processes import ManagedProcess
from tests.programs import program


class RedisServer(Part):
    def __init__(self, folder: Path, *more: str) -> None:
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        server = program("redis-server", "redis-server")
        here = ["--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(folder)]
        command = [server, *here, "--save", "", *more]
        self.process = ManagedProcess("redis", command, folder / "redis.log")
        self.client: Any = Redis.from_url(self.url, retry=Retry(NoBackoff(), 0), socket_timeout=5)

    def stop(self) -> None:
        self.client.close()
        super().stop()

    def _until_ready(self) -> None:
        self.process.wait_until(self._answers, 10)

    @contextmanager
    def frozen(self) -> Iterator[None]:
        pid = self.client.info("server")["process_id"]
        os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(pid, signal.SIGCONT)

    def _answers(self) -> bool:
        try:
            return bool(self.client.ping())
        except RedisError:
            return False
