"""An authorization server with one client, of the least that RFC 6749 and RFC 7636 ask for."""

import base64
import hashlib
import json
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit


@dataclass
class Login:
    """``token``: what is handed out. ``in_fragment``: whether response_mode is known. ``refuses``:
    the error in place of a code; ``hands_out``: whether codes are worth a token;
    ``lets_others_read``: whether a page of another origin may read the answer."""

    token: str
    url: str = ""
    in_fragment: bool = True
    refuses: str | None = None
    hands_out: bool = True
    lets_others_read: bool = True
    asked: list[dict[str, str]] = field(default_factory=list)
    codes: dict[str, dict[str, str]] = field(default_factory=dict)

    def authorize(self, query: dict[str, str]) -> str:
        """Where the browser is sent back to."""
        self.asked.append(query)
        code = secrets.token_hex(8)
        self.codes[code] = query
        said = {"error": self.refuses} if self.refuses else {"code": code}
        back = urlencode({**said, "state": query["state"]})
        return f"{query['redirect_uri']}{'#' if self.in_fragment else '?'}{back}"

    def exchange(self, form: dict[str, str]) -> tuple[int, dict[str, Any]]:
        asked = self.codes.pop(form["code"], None)
        digest = hashlib.sha256(form["code_verifier"].encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        fits = asked is not None and all(
            (
                challenge == asked["code_challenge"],
                form["redirect_uri"] == asked["redirect_uri"],
                form["client_id"] == asked["client_id"],
                form["grant_type"] == "authorization_code",
            )
        )
        if not (fits and self.hands_out):
            return 400, {"error": "invalid_grant"}
        return 200, {"access_token": self.token, "token_type": "Bearer", "expires_in": 300}


@contextmanager
def serving(login: Login) -> Iterator[Login]:
    """On a port of its own."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            if parts.path != "/authorize":
                self.send_error(404)
                return
            query = {name: values[0] for name, values in parse_qs(parts.query).items()}
            self.send_response(302)
            self.send_header("Location", login.authorize(query))
            self.end_headers()

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            form = {name: values[0] for name, values in parse_qs(body).items()}
            status, answer = login.exchange(form)
            self.send_response(status)
            if login.lets_others_read:
                self.send_header("Access-Control-Allow-Origin", "*")
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(json.dumps(answer).encode())

        def log_message(self, *_: object) -> None:
            """Logs nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        login.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield login
        finally:
            server.shutdown()
            thread.join()
