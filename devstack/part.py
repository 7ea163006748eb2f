"""The interface of every embedded server: start, stop, kill, and context manager."""

from types import TracebackType
from typing import Self

from devstack.errors import PartFailed
from devstack.ports import is_free
from devstack.processes import ManagedProcess


class Part:
    """A server in one process. Its data outlive ``stop`` and ``kill``."""

    process: ManagedProcess
    port: int

    def start(self) -> Self:
        """Returns once the server serves. Raises PartFailed naming its log otherwise."""
        if not self.alive:
            self.launch()
            self.await_ready()
        return self

    def launch(self) -> None:
        """Starts without waiting: nodes of a cluster wait for each other."""
        if not is_free(self.port, patience=1 if self.process.exit_code is not None else 0):
            # Checked first: the other listener would answer in this part's place.
            raise PartFailed(f"{self.process.name} finds its port {self.port} taken; free it.")
        self._prepare()
        self.process.start()

    def await_ready(self) -> None:
        """Returns once the server serves; ends a server that does not serve."""
        try:
            self._until_ready()
        except BaseException:
            self.process.kill()
            raise

    def _prepare(self) -> None:
        """Writes the files that the server needs."""

    def _until_ready(self) -> None:
        raise NotImplementedError

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def alive(self) -> bool:
        return self.process.alive

    def kill(self) -> None:
        """SIGKILL."""
        self.process.kill()

    def stop(self) -> None:
        """Asks the server to end, and waits for its end."""
        self.process.stop()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
