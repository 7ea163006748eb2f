"""The API as an operator has it: gunicorn in a folder with its two files and a .env.

All settings are in the .env, so that they can be changed while gunicorn runs.
"""

import sys
from collections.abc import Mapping
from pathlib import Path

import requests

from devstack.ports import free_port
from devstack.processes import ManagedProcess
from order_service.settings import Settings
from tests.system import CHECKOUT, System, clean_environment
from tests.waiting import until

GUNICORN = Path(sys.executable).with_name("gunicorn")


class Deployment:
    """``system``: what it stands on; its store is migrated. ``more``: over that one's settings."""

    def __init__(
        self,
        system: System,
        folder: Path,
        more: Mapping[str, str],
        *arguments: str,
        port: int = 0,
    ) -> None:
        self.folder = folder
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._settings = {**system.settings, "PORT": str(self.port), **more}
        folder.mkdir()
        for name in ("gunicorn.conf.py", "wsgi.py"):
            (folder / name).symlink_to(CHECKOUT / name)
        self.configure()
        inherited = clean_environment({})
        ours = {field.upper() for field in Settings.model_fields}
        self.process = ManagedProcess(
            "api",
            [str(GUNICORN), *arguments, "wsgi:app"],
            folder / "api.log",
            env={name: value for name, value in inherited.items() if name not in ours},
            cwd=folder,
            patience=35,
        )

    def configure(self, **changes: str) -> None:
        """Writes the .env. Nobody reads it before the next start or SIGHUP."""
        self._settings.update(changes)
        lines = [f"{name}={value}\n" for name, value in self._settings.items()]
        (self.folder / ".env").write_text("".join(lines), encoding="utf-8")

    def __enter__(self) -> "Deployment":
        self.process.start()
        self.process.wait_until(self.is_ready, 30)
        return self

    def __exit__(self, *_: object) -> None:
        self.process.stop()

    def is_ready(self) -> bool:
        try:
            return self.get("/health/ready").status_code == 200
        except requests.RequestException:
            return False

    def get(self, path: str) -> requests.Response:
        with requests.Session() as session:
            session.trust_env = False
            return session.get(self.url + path, timeout=10)

    def says(self, words: str, timeout: float = 30) -> None:
        """Returns once the log has these words."""
        until(lambda: words in self.process.log(), words, timeout)

    def workers(self, master: int | None = None) -> set[int]:
        """Processes of ``master``, or of the first one."""
        master = master or self.process.pid
        listed = Path(f"/proc/{master}/task/{master}/children").read_text(encoding="ascii")
        return {int(child) for child in listed.split()}
