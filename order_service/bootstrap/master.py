"""gunicorn's own process: what it reads, checks and makes before it forks the API's processes.

gunicorn.conf.py calls ``prepare`` and hands the functions with gunicorn's names to gunicorn. All
that the processes share is made here, so an API that was started without this module is refused.
"""

import logging
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, ClassVar, Final

import structlog

from order_service.bootstrap.listening import beyond_loopback, require_guard
from order_service.bootstrap.load import load_settings
from order_service.bootstrap.open_files import connections_that_fit, shortage
from order_service.bootstrap.shared import Shared
from order_service.bootstrap.start_lines import of_api
from order_service.bootstrap.trial import require_buildable
from order_service.infrastructure.telemetry.registry import count_in
from order_service.infrastructure.telemetry.shared import PLACES, Place
from order_service.settings import Settings, SettingsError, secret_files
from order_service.settings.addresses import bound

# After a process that ends with this code, gunicorn starts no process anew.
_APP_NOT_LOADED: Final = 4

_log: Final = logging.getLogger("gunicorn.error")


class _Master:
    """``host``: HOST as it is bound. ``beyond``: the hosts beyond loopback that gunicorn listens
    on. ``warned``: the variables that a warning named. ``has_kept``: whether the last reload found
    bad settings, and kept those that it had. gunicorn's hooks can share state only
    here."""

    settings: Settings | None = None
    has_kept = False
    shared: Shared | None = None
    warned: ClassVar[set[str]] = set()
    host = ""
    beyond: tuple[str, ...] = ()


def prepare(folder: Path) -> tuple[Settings, str]:
    """The settings for gunicorn, and the address to bind; called again at each reload.

    Bad settings end the start with one line; a reload goes on with the old settings. ``.env`` is
    looked for in the current folder, and then in ``folder``.
    """
    read = _read_at_start if _Master.settings is None else _read_at_reload
    _Master.settings, _Master.host = read(folder)
    _Master.shared = _Master.shared or Shared()
    return _Master.settings, _Master.host


def handed_on() -> tuple[Settings, Shared]:
    """The settings and the shared state of the API's processes. Ends a process that has none."""
    if _Master.settings is None or _Master.shared is None:
        print(
            "wsgi:app was started without gunicorn.conf.py, and without it the API's processes "
            "would answer with stale orders: run `gunicorn wsgi:app` in the folder of "
            "gunicorn.conf.py, or name the file with --config.",
            file=sys.stderr,
        )
        sys.exit(_APP_NOT_LOADED)
    # The address that others can reach counts, whatever HOST says.
    bound_to = _Master.beyond[0] if _Master.beyond else _Master.settings.host
    return _Master.settings.model_copy(update={"host": bound_to}), _Master.shared


def _read_at_start(folder: Path) -> tuple[Settings, str]:
    try:
        return _read(folder)
    except SettingsError as error:
        sys.exit(str(error))


def _read_at_reload(folder: Path) -> tuple[Settings, str]:
    try:
        settings, host = _read(folder)
        require_guard(settings, _Master.beyond)
        # gunicorn would end the whole service after an API that can't be built.
        require_buildable(settings)
    except SettingsError as error:
        reason = str(error)
    except Exception as error:  # noqa: BLE001  (whatever is in the file, the service goes on)
        reason = type(error).__name__
    else:
        _Master.has_kept = False
        return settings, host
    _log.error("Not reloaded, the settings stay as they were: %s", reason)
    _Master.has_kept = True
    return _settings(), _Master.host


def _read(folder: Path) -> tuple[Settings, str]:
    here, beside = Path(".env"), folder / ".env"
    settings = load_settings(dotenv=here if here.is_file() else beside, warned=_Master.warned)
    return settings, bound(settings.host)


# --- what gunicorn.conf.py hands to gunicorn


def check(cfg: Any, worker_class: str) -> None:
    """Check what the command line made of gunicorn.conf.py, before gunicorn listens."""
    if cfg.preload_app:
        sys.exit("--preload would have the API's processes share connections: leave it out.")
    if cfg.worker_class_str != worker_class:
        sys.exit(
            f"The API is served by {worker_class} only, and the command line says "
            f"{cfg.worker_class_str}: leave --worker-class out."
        )
    ours = Settings.names() | secret_files.names(Settings.secrets())
    if late := sorted(cfg.env.keys() & ours):
        sys.exit(
            f"--env sets {late[0]} after the settings were read: set it in the environment, or in "
            ".env."
        )
    _end_if_open(beyond_loopback(cfg.address))
    _end_if_not_buildable()
    if os.environ.get("WEB_CONCURRENCY"):
        _log.warning("WEB_CONCURRENCY is not read: WEB_WORKERS says how many processes serve.")
    if short := shortage(_settings(), cfg.worker_connections):
        _log.warning(short)


def when_ready(server: Any) -> None:
    """gunicorn listens, and serves nobody yet."""
    _begin(server, "api_started")


def on_reload(server: Any) -> None:
    """After a reload gunicorn may listen on other addresses."""
    _begin(server, "api_kept_its_settings" if _Master.has_kept else "api_reloaded")


def _begin(server: Any, event: str) -> None:
    # With --reuse-port each process listens for itself.
    addresses = [each.getsockname() for each in server.LISTENERS] or server.cfg.address
    _Master.beyond = tuple(beyond_loopback(addresses))
    _end_if_open(_Master.beyond)
    _warn_if_metrics_unreachable(addresses)
    # Here, or each process of the API would say so.
    log = structlog.get_logger()
    log.info(event, **of_api(_settings(), addresses))
    if not _settings().has_issuer:
        log.warning("open_to_everybody", host=handed_on()[0].host)


def pre_fork(server: Any, worker: Any) -> None:
    wanted = server.cfg.worker_connections
    worker.worker_connections = connections_that_fit(_settings(), wanted)
    worker.mounted_at = _settings().script_name
    taken = {each.place for each in server.WORKERS.values()}
    worker.place = next((number for number in range(PLACES) if number not in taken), None)
    if worker.place is None:
        _log.warning("More than %d processes: /metrics does not count this one.", PLACES)
    else:
        _place(worker).forget_gauges()


def post_fork(_: Any, worker: Any) -> None:
    if worker.place is not None:
        count_in(_place(worker))


def child_exit(_: Any, worker: Any) -> None:
    if worker.place is not None:
        _place(worker).forget_gauges()


# --- its own


def _place(worker: Any) -> Place:
    assert _Master.shared is not None
    place: Place = _Master.shared.places[worker.place]
    return place


def _end_if_open(hosts: Iterable[str]) -> None:
    try:
        require_guard(_settings(), hosts)
    except SettingsError as error:
        sys.exit(str(error))


def _end_if_not_buildable() -> None:
    """A mongodb+srv:// name is looked up when the API is built. If several processes missed the
    name, gunicorn's own process would end with a traceback."""
    if not _settings().mongo_uri.startswith("mongodb+srv://"):
        return
    try:
        require_buildable(_settings())
    except SettingsError as error:
        sys.exit(str(error))


def _warn_if_metrics_unreachable(addresses: Iterable[Any]) -> None:
    port = _settings().metrics_port
    if port and port not in {each[1] for each in addresses if isinstance(each, tuple)}:
        _log.warning(
            "METRICS_PORT is %d, and gunicorn was told to listen elsewhere only: /metrics can't be "
            "reached. Add --bind for it, or leave --bind out.",
            port,
        )


def _settings() -> Settings:
    assert _Master.settings is not None
    return _Master.settings
