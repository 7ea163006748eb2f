"""The proxy of docker/nginx.conf, as a process in front of the API on this machine."""

import signal
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from devstack.ports import LOOPBACK, answers, free_port
from devstack.processes import ManagedProcess
from tests.processes import children
from tests.programs import program
from tests.system import CHECKOUT
from tests.waiting import until

_CONFIGURATION = CHECKOUT / "docker" / "nginx.conf"


class Proxy:
    """Use it as a context manager. ``api_urls``: of one instance of the API, or of several. Needs
    nginx."""

    def __init__(self, api_urls: str | Sequence[str], folder: Path) -> None:
        urls = [api_urls] if isinstance(api_urls, str) else api_urls
        self.port = free_port()
        self._folder = folder
        self._configuration = folder / "nginx.conf"
        folder.mkdir()
        self._write(urls)
        nginx = program("nginx", "nginx")
        command = [nginx, "-e", "stderr", "-c", str(self._configuration), "-g", "daemon off;"]
        self._process = ManagedProcess("nginx", command, folder / "nginx.log")

    def turn_to(self, api_urls: Sequence[str]) -> None:
        """Returns once every request goes to these instances, and those to others are answered.
        nginx closes the connections that its clients keep."""
        before = children(self._process.pid)
        self._write(api_urls)
        self._process.signal(signal.SIGHUP)
        until(lambda: not before & children(self._process.pid), "nginx's new processes", 60)

    def _write(self, api_urls: Sequence[str]) -> None:
        text = _CONFIGURATION.read_text()
        server = "server {} max_fails=0;"
        instances = [server.format(urlsplit(each).netloc) for each in api_urls]
        for theirs, ours in {
            server.format("api:3100"): " ".join(instances),
            "listen 3100;": f"listen {LOOPBACK}:{self.port};",
            "/tmp/nginx": f"{self._folder}/nginx",
        }.items():
            assert theirs in text
            text = text.replace(theirs, ours)
        self._configuration.write_text(text)

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.port}"

    @property
    def log(self) -> str:
        return self._process.log()

    def __enter__(self) -> "Proxy":
        self._process.start()
        self._process.wait_until(lambda: answers(self.port), 10)
        return self

    def __exit__(self, *_: object) -> None:
        self._process.stop()
