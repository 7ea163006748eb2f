"""How large a body may be, and which origins may send one."""

from flask import Flask, Response, request

from order_service.settings import Settings

MAX_BODY = 64 * 1024
_CORS_EXPOSED = "ETag, Idempotent-Replayed, Link, Location, Retry-After, X-Request-Id"
_CORS_SENT = "Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, X-Request-Id"


def register(app: Flask, settings: Settings) -> None:
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY
    if settings.cors_origins:
        _allow(app, frozenset(settings.cors_origins))


def _allow(app: Flask, origins: frozenset[str]) -> None:
    """Allow cross-origin requests from the origins, without cookies, which the API does not use."""

    def add_headers(response: Response) -> Response:
        response.vary.add("Origin")
        origin = request.headers.get("Origin")
        if origin not in origins:
            return response
        headers = response.headers
        headers["Access-Control-Allow-Origin"] = origin
        headers["Access-Control-Expose-Headers"] = _CORS_EXPOSED
        if request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers:
            headers["Access-Control-Allow-Methods"] = headers.get("Allow", "")
            headers["Access-Control-Allow-Headers"] = _CORS_SENT
            headers["Access-Control-Max-Age"] = "600"
        return response

    app.after_request(add_headers)
