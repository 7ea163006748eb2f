"""``gunicorn wsgi:app``: the REST API.

``app`` is built when a server first asks for it, which gunicorn does in each worker: importing this
module connects nothing and reads nothing.
"""

from functools import cache

from flask import Flask

from order_service.bootstrap import load_settings
from order_service.bootstrap.api import build_api


@cache
def _app() -> Flask:
    return build_api(load_settings())


def __getattr__(name: str) -> Flask:
    if name == "app":
        return _app()
    raise AttributeError(name)
