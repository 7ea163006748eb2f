"""/console: the page, and the files that the page loads.

The page stands on the API alone. Nothing of what it shows is in its path, which logs and proxies
see: a view's name and its filters stand behind the #.
"""

import hashlib
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from flask import Blueprint, Response, render_template, request, send_from_directory

from order_service.settings import Settings

_STATIC: Final = Path(str(files(__package__) / "static"))
_ONE_YEAR: Final = 31_536_000
_FEATURES: Final = "camera=(), geolocation=(), microphone=(), payment=(), usb=()"


def blueprint(settings: Settings) -> Blueprint:
    """Its page is the endpoint ``console.page``."""
    console = Blueprint("console", __name__, template_folder="templates")
    names = sorted(path.name for path in _STATIC.iterdir() if path.is_file())
    version = _version(names)
    headers = _headers(settings)

    @console.get("/console")
    def page() -> Response:
        shell = render_template(
            "console.html",
            version=version,
            modules=[name for name in names if name.endswith(".js")],
            root=request.script_root,
            guarded=settings.has_issuer,
            currency=settings.currency,
            login_url=settings.console_login_url,
            token_url=settings.console_token_url,
            client_id=settings.console_client_id,
        )
        return Response(shell, headers=headers, content_type="text/html; charset=utf-8")

    @console.get("/console/files/<asked>/<name>")
    def file(asked: str, name: str) -> Response:
        response = send_from_directory(_STATIC, name, max_age=_ONE_YEAR)
        # While an upgrade is under way a page of the other version may ask.
        response.headers["Cache-Control"] = (
            f"public, max-age={_ONE_YEAR}, immutable" if asked == version else "no-store"
        )
        return response

    return console


def _version(names: Sequence[str]) -> str:
    content = hashlib.sha256()
    for name in names:
        content.update((_STATIC / name).read_bytes())
    return content.hexdigest()[:16]


def _headers(settings: Settings) -> dict[str, str]:
    connections = "'self'"
    if settings.console_token_url:
        parts = urlsplit(settings.console_token_url)
        connections += f" {parts.scheme}://{parts.netloc}"
    policy = (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        f"connect-src {connections}; form-action 'none'; frame-ancestors 'none'; base-uri 'none'; "
        "require-trusted-types-for 'script'; trusted-types 'none'"
    )
    return {
        "Content-Security-Policy": policy,
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": _FEATURES,
    }
