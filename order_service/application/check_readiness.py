"""Ask every dependency whether it is there, each within its own time."""

from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass

from order_service.application.ports import Dependency
from order_service.domain.errors import OrderServiceError


@dataclass(frozen=True, slots=True)
class DependencyState:
    """``problem``: None when it is there; ``required``: nothing works without it."""

    name: str
    required: bool
    problem: str | None


class CheckReadiness:
    """``timeout``: seconds after which a dependency that does not answer counts as missing."""

    def __init__(
        self, dependencies: Sequence[Dependency], executor: Executor, timeout: float
    ) -> None:
        self._dependencies = dependencies
        self._executor = executor
        self._timeout = timeout

    def __call__(self) -> list[DependencyState]:
        running = [(each, self._executor.submit(each.check)) for each in self._dependencies]
        states = []
        for dependency, check in running:
            problem = None
            try:
                check.result(self._timeout)
            except OrderServiceError as error:
                problem = error.message
            except TimeoutError:
                problem = f"No answer within {self._timeout:g} s."
            states.append(DependencyState(dependency.name, dependency.required, problem))
        return states
