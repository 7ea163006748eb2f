"""Measurements as a run of the benchmark yields them."""

from typing import Any

from bench.load import Loaded
from bench.works import Measured


def loaded(**given: Any) -> Loaded:
    errors = dict.fromkeys(("status", "connect", "read", "write", "timeout"), 0)
    fields = {
        "requests": 1_000,
        "seconds": 2.0,
        "p50": 10.0,
        "p95": 15.0,
        "p99": 18.0,
        "exhausted": 0,
        "answered": {},
        "errors": errors,
        **given,
    }
    return Loaded(**fields)


def measured(work: str, service: str, number: int = 0, **given: Any) -> Measured:
    fields = {
        "loaded": loaded(),
        "rate": 500.0,
        "cpu": 1.0,
        "parts_cpu": {"mongod": 0.5},
        "resident": {"api": [70_000_000, 60_000_000]},
        "rested": True,
        "oversold": 0,
        "others": 0.0,
        **given,
    }
    return Measured(work, service, number, **fields)
