"""gunicorn's own process: what it reads, checks and makes before it forks the API's processes.

gunicorn.conf.py calls ``prepare`` and hands the functions with gunicorn's names to gunicorn. All
that its processes share comes from here, so an API that was started without it is refused.
"""

import logging
import os
import sys
from collections.abc import Callable, Iterable
from ipaddress import IPv6Address, ip_address
from pathlib import Path
from typing import Any, Final, NoReturn

from order_service.addresses import bound
from order_service.bootstrap import load_settings
from order_service.bootstrap.open_files import shortage
from order_service.infrastructure.cache.changes import shared_changes
from order_service.infrastructure.metrics.registry import count_in
from order_service.infrastructure.metrics.shared import PLACES, shared_places
from order_service.infrastructure.turns import shared_turns
from order_service.settings import Settings, SettingsError

# gunicorn starts nothing anew after a process that ended so.
_APP_NOT_LOADED: Final = 4

_log: Final = logging.getLogger("gunicorn.error")


class _Master:
    """``host``: HOST as it is bound; ``address``: one beyond loopback that is listened on, if there
    is one."""

    settings: Settings | None = None
    host = ""
    address: str | None = None


def prepare(folder: Path) -> tuple[Settings, str]:
    """What gunicorn is to be set up by, and the address to bind: read at the start, and anew at each
    reload.

    Bad ones end the start with one line; a reload goes on with those that it has. ``.env`` is
    looked for in the current folder, and then in ``folder``.
    """
    read = _read_at_start if _Master.settings is None else _read_at_reload
    _Master.settings, _Master.host = read(folder)
    shared_changes()
    shared_turns()
    shared_places()
    return _Master.settings, _Master.host


def shared_settings() -> Settings:
    """Those that the API's processes serve by. Ends a process that has none."""
    settings = _Master.settings
    if settings is None:
        print(
            "wsgi:app was not started by gunicorn with its gunicorn.conf.py, and processes without "
            "it would answer from caches that nobody keeps true: run `gunicorn wsgi:app` in the "
            "folder of gunicorn.conf.py, or name that file with --config.",
            file=sys.stderr,
        )
        sys.exit(_APP_NOT_LOADED)
    # What is bound counts: the command line goes before HOST.
    return settings.model_copy(update={"host": _Master.address} if _Master.address else {})


def _read_at_start(folder: Path) -> tuple[Settings, str]:
    try:
        return _read(folder)
    except SettingsError as error:
        sys.exit(str(error))


def _read_at_reload(folder: Path) -> tuple[Settings, str]:
    running = _settings()
    try:
        settings, host = _read(folder)
        if _Master.address and not _may_be_reached(settings):
            raise SettingsError(_reachable(_Master.address))
    except SettingsError as error:
        _log.error("Not reloaded, the settings stay as they were: %s", error)
        return running, _Master.host
    except Exception as error:  # noqa: BLE001  (whatever is in the file, the service goes on)
        _log.error("Not reloaded, the settings stay as they were: %r", type(error))
        return running, _Master.host
    return settings, host


def _read(folder: Path) -> tuple[Settings, str]:
    here, beside = Path(".env"), folder / ".env"
    settings = load_settings(dotenv=here if here.is_file() else beside)
    return settings, bound(settings.host)


# --- what gunicorn.conf.py hands to gunicorn


def check(cfg: Any, worker_class: str) -> None:
    """What the command line made of gunicorn.conf.py; before gunicorn listens."""
    if cfg.preload_app:
        _refuse("--preload would have the API's processes share connections: leave it out.")
    if cfg.worker_class_str != worker_class:
        _refuse(
            f"The API is served by {worker_class} only, and the command line says "
            f"{cfg.worker_class_str}: leave --worker-class out."
        )
    _refuse_open(cfg.address)
    if os.environ.get("WEB_CONCURRENCY"):
        _log.warning("WEB_CONCURRENCY is not read: WEB_WORKERS says how many processes serve.")
    if short := shortage(_settings(), cfg.worker_connections):
        _log.warning(short)


def when_ready(server: Any) -> None:
    """It listens, and serves nobody yet."""
    # With --reuse-port each process listens for itself.
    addresses = [each.getsockname() for each in server.LISTENERS] or server.cfg.address
    _refuse_open(addresses)
    _Master.address = next(iter(_beyond_loopback(addresses)), None)
    _tell_where_metrics_are(addresses)


# A reload may listen elsewhere.
on_reload: Callable[[Any], None] = when_ready


def pre_fork(server: Any, worker: Any) -> None:
    taken = {each.place for each in server.WORKERS.values()}
    worker.place = next((number for number in range(PLACES) if number not in taken), None)
    if worker.place is None:
        _log.warning("More than %d processes: /metrics does not count this one.", PLACES)
    else:
        shared_places()[worker.place].forget_gauges()


def post_fork(_: Any, worker: Any) -> None:
    if worker.place is not None:
        count_in(shared_places()[worker.place])


def child_exit(_: Any, worker: Any) -> None:
    if worker.place is not None:
        shared_places()[worker.place].forget_gauges()


# --- where it may listen


def _refuse_open(addresses: Iterable[Any]) -> None:
    for host in _beyond_loopback(addresses):
        if not _may_be_reached(_settings()):
            _refuse(_reachable(host))


def _beyond_loopback(addresses: Iterable[Any]) -> list[str]:
    """Of TCP. Who can open a Unix socket is on this machine, and its file's rights say who can."""
    hosts = [each[0] for each in addresses if isinstance(each, tuple)]
    return [host for host in hosts if not _is_local(host)]


def _is_local(host: str) -> bool:
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        # A name. What it stands for is seen once it is bound.
        return bool(host)
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return (mapped or address).is_loopback


def _may_be_reached(settings: Settings) -> bool:
    return settings.has_issuer or settings.auth_disabled


def _reachable(host: str) -> str:
    return (
        f"gunicorn is told to listen on {host}, and anybody who reaches it could order: no issuer "
        "is configured. Set AUTH_JWKS_URL, AUTH_DISABLED=true if that is meant, or bind 127.0.0.1."
    )


def _tell_where_metrics_are(addresses: Iterable[Any]) -> None:
    settings = _settings()
    ports = {each[1] for each in addresses if isinstance(each, tuple)}
    if settings.metrics_port and settings.metrics_port not in ports:
        _log.warning(
            "METRICS_PORT is %d, and gunicorn was told to listen elsewhere only: /metrics can't be "
            "reached. Add --bind for it, or leave --bind out.",
            settings.metrics_port,
        )


def _settings() -> Settings:
    assert _Master.settings is not None
    return _Master.settings


def _refuse(line: str) -> NoReturn:
    sys.exit(line)
