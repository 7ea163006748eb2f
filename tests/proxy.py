"""The proxy of docker/nginx.conf, as a process in front of an API on this machine."""

from pathlib import Path
from urllib.parse import urlsplit

from devstack.ports import LOOPBACK, answers, free_port
from devstack.processes import ManagedProcess
from tests.programs import program
from tests.system import CHECKOUT

_CONFIGURATION = CHECKOUT / "docker" / "nginx.conf"


class Proxy:
    """Use it as a context manager. Needs nginx."""

    def __init__(self, api_url: str, folder: Path) -> None:
        self.port = free_port()
        folder.mkdir()
        configuration = folder / "nginx.conf"
        configuration.write_text(self._here(folder, urlsplit(api_url).netloc))
        nginx = program("nginx", "nginx")
        command = [nginx, "-e", "stderr", "-c", str(configuration), "-g", "daemon off;"]
        self._process = ManagedProcess("nginx", command, folder / "nginx.log")

    def _here(self, folder: Path, api: str) -> str:
        text = _CONFIGURATION.read_text()
        for theirs, ours in {
            "api:3100": api,
            "listen 3100;": f"listen {LOOPBACK}:{self.port};",
            "/tmp/nginx": f"{folder}/nginx",
        }.items():
            assert theirs in text
            text = text.replace(theirs, ours)
        return text

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
