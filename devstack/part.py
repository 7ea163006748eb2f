"""What every embedded server offers: start, stop, kill, and use as a context manager."""

from types import TracebackType
from typing import Self

from devstack.errors import PartFailed
from devstack.ports import is_free
from devstack.processes import ManagedProcess


class Part:
    """A server in one process, with its data kept between ``stop`` or ``kill`` and ``start``."""

    process: ManagedProcess
    port: int

    def start(self) -> Self:
        """Returns once the server serves. Raises PartFailed naming its log otherwise."""
        if self.alive:
            return self
        if not is_free(self.port):
            # Asked first, because the other listener would answer in this part's place.
            raise PartFailed(f"{self.process.name} finds its port {self.port} taken; free it.")
        try:
            self._start()
        except BaseException:
            self.process.kill()
            raise
        return self

    def _start(self) -> None:
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
        """Asks it to end, and waits until it has."""
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
