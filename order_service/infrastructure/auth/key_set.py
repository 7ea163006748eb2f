"""The issuer's keys: fetched when needed, kept while the issuer can't be reached."""

import threading
import time
from collections.abc import Callable
from typing import Any

import structlog

from order_service.application.outage import Outage
from order_service.domain.errors import KeysUnavailable
from order_service.infrastructure.auth import keys
from order_service.infrastructure.auth.keys import VerificationKey

# Without keys no caller is served, so the issuer is soon asked again.
_RETRY_WITHOUT_KEYS = 1.0
# Requests that wait at once for an unknown key. Callers who make up key ids must not take every
# thread: callers with good tokens need one.
_MOST_WHO_WAIT = 4

_log = structlog.get_logger()

Fetch = Callable[[], Any]


class KeySet:
    """``fetch`` answers a parsed JSON Web Key Set within seconds, or raises OSError or ValueError.

    ``cooldown``: seconds between two fetches for unknown key ids; without a pause any caller could
    make us hammer the issuer. ``max_age``: seconds after which the keys are fetched again, so that
    a withdrawn key goes; no request waits for that fetch.
    """

    def __init__(
        self,
        fetch: Fetch,
        *,
        cooldown: float,
        max_age: float,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._fetch = fetch
        self._cooldown = cooldown
        self._max_age = max_age
        self._monotonic = monotonic
        self._keys: dict[str, VerificationKey] = {}
        self._fetched_at = self._tried_at = float("-inf")
        self._outage = Outage("keys_not_fetched", _log)
        self._fetching = threading.Lock()
        self._places = threading.BoundedSemaphore(_MOST_WHO_WAIT)

    def find(self, key_id: str | None) -> VerificationKey | None:
        """None when the issuer does not know the key. Raises KeysUnavailable."""
        if key := self._known(key_id):
            self._refresh_when_old()
            return key
        if self._keys:
            self._look_among_few()
        self.require()
        return self._known(key_id)

    def require(self) -> None:
        """Fetches the keys if there are none. Raises KeysUnavailable if there are still none."""
        if not self._keys:
            self._look_for_new()
        if not self._keys:
            raise KeysUnavailable("The keys that tokens are checked with can't be had.")

    def _known(self, key_id: str | None) -> VerificationKey | None:
        known = self._keys
        if key_id is None and len(known) == 1:
            return next(iter(known.values()))
        return known.get(key_id or "")

    def _look_among_few(self) -> None:
        if not self._places.acquire(blocking=False):
            raise KeysUnavailable("The issuer is being asked for its keys.")
        try:
            self._look_for_new()
        finally:
            self._places.release()

    def _look_for_new(self) -> None:
        asked_at = self._monotonic()
        with self._fetching:
            # A request that waited here for another request's fetch has its keys.
            pause = self._cooldown if self._keys else _RETRY_WITHOUT_KEYS
            if self._tried_at < asked_at and self._monotonic() - self._tried_at >= pause:
                self._refresh()

    def _refresh_when_old(self) -> None:
        now = self._monotonic()
        if now - self._fetched_at < self._max_age or now - self._tried_at < self._cooldown:
            return
        if not self._fetching.acquire(blocking=False):
            return
        try:
            threading.Thread(target=self._refresh_and_release, daemon=True).start()
        except RuntimeError:
            # The system has no thread left. A later request tries again.
            self._fetching.release()

    def _refresh_and_release(self) -> None:
        try:
            self._refresh()
        finally:
            self._fetching.release()

    def _refresh(self) -> None:
        try:
            self._keys = keys.parse(self._fetch())
            self._fetched_at = self._monotonic()
        except (OSError, ValueError) as error:
            self._outage.failed(cause=str(error), kept=len(self._keys))
        else:
            self._outage.over()
        finally:
            self._tried_at = self._monotonic()
