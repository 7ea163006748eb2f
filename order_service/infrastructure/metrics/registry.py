"""Where the numbers are kept: in this process, or in files that the processes of one gunicorn
share (``PROMETHEUS_MULTIPROC_DIR``, which gunicorn.conf.py sets)."""

import os

from prometheus_client import CollectorRegistry, multiprocess
from prometheus_client.multiprocess import MultiProcessCollector


def gathered(own: CollectorRegistry) -> CollectorRegistry:
    """What a scrape is answered from: every process's numbers, or this one's own."""
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return own
    everybodys = CollectorRegistry()
    MultiProcessCollector(everybodys)  # type: ignore[no-untyped-call]
    return everybodys


def forget_process(pid: int) -> None:
    """Its gauges end with it; what it counted stays."""
    multiprocess.mark_process_dead(pid)  # type: ignore[no-untyped-call]
