"""/openapi.json and /asyncapi.json, and /docs: a page that shows the first and sends requests. The
page loads nothing from other hosts, and its links are relative to the page: the page works under
any path."""

import json
from importlib.resources import files

import flask_openapi_swagger
from flask import Blueprint, Response, request, url_for

_ASSETS = str(files(flask_openapi_swagger) / "templates" / "swagger")
_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Order Service</title>
<link rel="icon" href="{here}assets/images/swagger.svg">
<link rel="stylesheet" href="{here}assets/css/swagger-ui.css">
</head>
<body>
<div id="docs"></div>
<script src="{here}assets/js/swagger-ui-bundle.js"></script>
<script src="{here}start.js"></script>
</body>
</html>
"""
# In a file of its own, so that the page needs no inline scripts.
_START = """SwaggerUIBundle({
  url: new URL("../openapi.json", document.currentScript.src).href,
  dom_id: "#docs", deepLinking: true, validatorUrl: null,
  persistAuthorization: false, displayRequestDuration: true, tryItOutEnabled: true,
});
"""
_PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'"
)


def blueprint(document: bytes, events: bytes) -> Blueprint:
    """``document``: OpenAPI's, of the API. ``events``: AsyncAPI's."""
    docs = Blueprint("docs", __name__, static_folder=_ASSETS, static_url_path="/docs/assets")

    @docs.get("/openapi.json")
    def openapi() -> Response:
        return Response(_served_here(document), content_type="application/json")

    @docs.get("/asyncapi.json")
    def asyncapi() -> Response:
        return Response(events, content_type="application/json")

    @docs.get("/docs")
    def page() -> Response:
        here = "" if request.path.endswith("/") else "docs/"
        response = Response(_PAGE.format(here=here), content_type="text/html; charset=utf-8")
        response.headers["Content-Security-Policy"] = _PAGE_POLICY
        return response

    @docs.get("/docs/start.js")
    def start() -> Response:
        return Response(_START, content_type="text/javascript; charset=utf-8")

    return docs


def _served_here(document: bytes) -> bytes:
    """The document with the path that the service is under, which only a request tells."""
    here = {
        "servers": [{"url": request.script_root or "/"}],
        "externalDocs": {
            "description": "The events on Kafka, as AsyncAPI has them",
            "url": url_for("docs.asyncapi"),
        },
    }
    return json.dumps(here).encode()[:-1] + b", " + document[1:]
