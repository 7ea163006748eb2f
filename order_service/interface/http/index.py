"""/: a browser is led to the page for people, and a program gets the paths of the API."""

from flask import Response, request, url_for
from flask_openapi import Tag

from order_service.interface.http.answers import IndexAnswer
from order_service.interface.http.routes import NO_SCOPE, Routes

_JSON, _HTML = "application/json", "text/html"
_TAG = Tag(name="Service", description="What there is.")


def routes(*, has_console: bool) -> Routes:
    page = "console.page" if has_console else "docs.page"

    index = Routes("index", "", _TAG)

    @index.get("/", NO_SCOPE, "getIndex", {200: IndexAnswer, 303: None})
    def what_there_is() -> Response:
        """What is there?

        200: where everything is. 303: a browser, which asks for text/html, is led to the
        page for people: the console, or else the docs.
        """
        response = _led_to(page) if _is_for_people() else _links(has_console)
        response.vary.add("Accept")
        return response

    return index


def _is_for_people() -> bool:
    return request.accept_mimetypes.best_match([_JSON, _HTML]) == _HTML


def _led_to(page: str) -> Response:
    return Response(status=303, headers={"Location": url_for(page)})


def _links(has_console: bool) -> Response:
    return IndexAnswer.model_construct(
        orders=url_for("orders.list_page"),
        stock_changes=url_for("stock_changes.list_page"),
        health=url_for("health.ready"),
        document=url_for("docs.openapi"),
        events=url_for("docs.asyncapi"),
        docs=url_for("docs.page"),
        console=url_for("console.page") if has_console else None,
    ).response()
