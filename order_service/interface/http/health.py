"""/health"""

from collections.abc import Sequence

from flask import Response
from flask_openapi import Tag

from order_service.application.readiness import CheckReadiness, DependencyState
from order_service.interface.http.answers import LiveAnswer, ReadyAnswer, ShownDependency
from order_service.interface.http.routes import NO_SCOPE, Routes
from order_service.interface.http.stopping import Stopping

_TAG = Tag(name="Health", description="For load balancers and orchestrators.")


def routes(check_readiness: CheckReadiness, stopping: Stopping) -> Routes:
    health = Routes("health", "/health", _TAG)

    @health.get("/live", NO_SCOPE, "isLive", {200: LiveAnswer})
    def live() -> Response:
        """Is the process alive?

        200 as long as it answers.
        """
        return LiveAnswer.model_construct().response()

    @health.get("/ready", NO_SCOPE, "isReady", {200: ReadyAnswer, 503: ReadyAnswer})
    def ready() -> Response:
        """Can it serve?

        200 when every required dependency is there, else 503. The inventory is not required:
        without it orders can still be read, and creating one answers 503 by itself.
        """
        if stopping.begun:
            stops = DependencyState("process", True, "It is stopping.", stopping.begun_at)
            return _ready([stops])
        return _ready(check_readiness())

    return health


def _ready(states: Sequence[DependencyState]) -> Response:
    dependencies = {state.name: ShownDependency.of(state) for state in states}
    missing = any(state.required and state.problem for state in states)
    status = "unavailable" if missing else "ok"
    answer = ReadyAnswer.model_construct(status=status, dependencies=dependencies)
    return answer.response(503 if missing else 200)
