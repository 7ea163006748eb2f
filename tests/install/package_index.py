"""A package index on loopback (PEP 503), where everything has a newer release that is broken."""

import hashlib
import http.server
import io
import threading
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import Self

BROKEN = "99.0"


def wheel(
    name: str,
    version: str,
    *,
    requires: Sequence[str] = (),
    extras: Sequence[str] = (),
    module: str = "",
) -> bytes:
    """A wheel of one module, named as the package with _ for -."""
    stem = name.replace("-", "_")
    metadata = [f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"]
    metadata += [f"Provides-Extra: {extra}\n" for extra in extras]
    metadata += [f"Requires-Dist: {requirement}\n" for requirement in requires]
    info = f"{stem}-{version}.dist-info"
    files = {
        f"{stem}.py": module,
        f"{info}/METADATA": "".join(metadata),
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    files[f"{info}/RECORD"] = "".join(f"{path},,\n" for path in [*files, f"{info}/RECORD"])
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for path, text in files.items():
            # A date of its own, so that the same wheel always has the same hash.
            archive.writestr(zipfile.ZipInfo(path), text)
    return packed.getvalue()


def file_name(name: str, version: str) -> str:
    return f"{name.replace('-', '_')}-{version}-py3-none-any.whl"


class PackageIndex:
    """``asked``: the file names, or names of packages, that were asked for."""

    def __init__(self, wheels: Mapping[tuple[str, str], bytes]) -> None:
        self.asked: list[str] = []
        self.files = {file_name(*key): content for key, content in wheels.items()}
        self._pages = {name: self._page(name, version) for name, version in wheels}
        index = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                index.asked.append(PurePosixPath(self.path).name)
                content, kind = index.answer(self.path)
                self.send_response(200 if content is not None else 404)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(content or b"")))
                self.end_headers()
                self.wfile.write(content or b"")

            def log_message(self, *_: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/simple/"

    def _page(self, name: str, version: str) -> str:
        newest = file_name(name, BROKEN)
        self.files[newest] = b"no wheel at all"
        links = "".join(
            f'<a href="/files/{each}#sha256={hashlib.sha256(self.files[each]).hexdigest()}">'
            f"{each}</a>\n"
            for each in (file_name(name, version), newest)
        )
        return f"<!DOCTYPE html><html><body>{links}</body></html>"

    def answer(self, path: str) -> tuple[bytes | None, str]:
        place = PurePosixPath(path)
        if place.parts[1] == "simple":
            page = self._pages.get(place.name)
            return page.encode() if page else None, "text/html"
        return self.files.get(place.name), "application/octet-stream"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
