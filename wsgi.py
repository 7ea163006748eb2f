"""``gunicorn wsgi:app``: the REST API.

``app`` is built when a server first asks for it, which gunicorn does in each worker: importing this
module connects nothing and reads nothing.
"""

from functools import cache

from flask import Flask
from gunicorn.errors import AppImportError

from order_service.bootstrap.api import build_api
from order_service.bootstrap.correlating import correlation
from order_service.bootstrap.master import handed_on
from order_service.infrastructure.mongo.connection import connect
from order_service.settings import SettingsError


@cache
def _app() -> Flask:
    try:
        settings, shared = handed_on()
        telling = correlation(settings, "api")
        database = connect(settings, event_listeners=telling.store_listeners())
        return build_api(settings, database, shared, correlation=telling)
    except SettingsError as error:
        # gunicorn prints this alone, and starts no other worker.
        raise AppImportError(str(error)) from None


def __getattr__(name: str) -> Flask:
    if name == "app":
        return _app()
    raise AttributeError(name)
