"""/health"""

from flask import Blueprint, Response, jsonify

from order_service.application.check_readiness import DependencyState
from order_service.application.use_cases import UseCases


def blueprint(use_cases: UseCases) -> Blueprint:
    health = Blueprint("health", __name__, url_prefix="/health")

    @health.get("/live")
    def live() -> Response:
        """200 as long as the process answers."""
        return jsonify({"status": "ok"})

    @health.get("/ready")
    def ready() -> Response:
        """200 when every required dependency is there, else 503.

        The inventory is not required: without it orders can still be read, and creating one
        answers 503 by itself.
        """
        states = use_cases.check_readiness()
        missing = any(state.problem and state.required for state in states)
        response = jsonify(
            {
                "status": "unavailable" if missing else "ok",
                "dependencies": {state.name: _shown(state) for state in states},
            }
        )
        response.status_code = 503 if missing else 200
        return response

    return health


def _shown(state: DependencyState) -> dict[str, object]:
    shown: dict[str, object] = {
        "status": "unavailable" if state.problem else "ok",
        "required": state.required,
    }
    if state.problem:
        shown["detail"] = state.problem
    return shown
