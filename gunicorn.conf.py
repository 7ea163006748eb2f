"""gunicorn reads the same settings as the service."""

import sys

from order_service.bootstrap import load_settings
from order_service.settings import SettingsError

try:
    _settings = load_settings()
except SettingsError as _error:
    sys.exit(str(_error))

bind = f"{_settings.host}:{_settings.port}"
workers = _settings.web_workers
threads = _settings.web_threads
worker_class = "gthread"
# Clients must not cross a fork, so every worker makes its own.
preload_app = False
control_socket_disable = True
timeout = 60
graceful_timeout = 30
keepalive = 30
