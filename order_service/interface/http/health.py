"""/health"""

from flask import Response
from flask_openapi import APIBlueprint, Tag

from order_service.application.use_cases import UseCases
from order_service.interface.http.answers import LiveAnswer, ReadyAnswer, ShownDependency
from order_service.interface.http.routes import parsed, says


def blueprint(use_cases: UseCases) -> APIBlueprint:
    tag = Tag(name="Health", description="For load balancers and orchestrators.")
    health = APIBlueprint("health", __name__, url_prefix="/health", abp_tags=[tag])

    @health.get("/live", **says("isLive", {200: LiveAnswer}))
    @parsed
    def live() -> Response:
        """Is the process alive?

        200 as long as it answers.
        """
        return LiveAnswer.model_construct().response()

    @health.get("/ready", **says("isReady", {200: ReadyAnswer, 503: ReadyAnswer}))
    @parsed
    def ready() -> Response:
        """Can it serve?

        200 when every required dependency is there, else 503. The inventory is not required:
        without it orders can still be read, and creating one answers 503 by itself.
        """
        states = use_cases.check_readiness()
        missing = any(state.problem and state.required for state in states)
        answer = ReadyAnswer.model_construct(
            status="unavailable" if missing else "ok",
            dependencies={state.name: ShownDependency.of(state) for state in states},
        )
        return answer.response(503 if missing else 200)

    return health
