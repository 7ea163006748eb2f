"""Limits that several instances count together, in a real Redis."""

import time
from pathlib import Path

import requests

from tests.api.issuer import Issuer, bearer
from tests.integration.cache.redis_server import RedisServer
from tests.system import Parts, System
from tests.waiting import until

WRITE = "orders:write"


def write(system: System, instance: int, token: str) -> requests.Response:
    path = f"/api/orders/{'a' * 24}/cancel"
    return system.request("POST", path, url=system.urls[instance], headers=bearer(token))


def test_instances_share_one_rate_limit_and_a_redis_that_is_down_stops_nobody(
    parts: Parts, issuer: Issuer, tmp_path: Path
) -> None:
    with RedisServer(tmp_path) as redis:
        settings = issuer.settings(tmp_path) | {
            "REDIS_URL": redis.url,
            "RATE_LIMIT_WRITES": "9 per hour",
            "WEB_WORKERS": "1",
        }
        with System(parts, tmp_path, settings, api_processes=2, workers=0) as system:
            alice, bob = (issuer.token(name, WRITE) for name in ("alice", "bob"))
            answers = [write(system, n % 2, alice) for n in range(10)]
            assert [each.status_code for each in answers] == [404] * 9 + [429]
            assert write(system, 0, bob).status_code == 404

            redis.kill()
            began = time.monotonic()
            alone = [write(system, 0, alice) for _ in range(10)]
            # Each instance counts for itself meanwhile.
            assert [each.status_code for each in alone] == [404] * 9 + [429]
            assert time.monotonic() - began < 10

            redis.start()
            # What Redis had counted went with it.
            until(lambda: write(system, 0, alice).status_code == 404, "it counts again", 60)
            left = [int(write(system, n, alice).headers["RateLimit-Remaining"]) for n in (0, 1)]
            assert left[1] == left[0] - 1
