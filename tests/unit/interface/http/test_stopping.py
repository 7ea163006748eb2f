"""Whom the end of a process waits for."""

import threading
from concurrent.futures import ThreadPoolExecutor

from order_service.interface.http.stopping import Stopping


def test_the_end_waits_for_requests_from_before_the_signal_and_for_no_later_one() -> None:
    stopping, ended = Stopping(delay=0, at_most=60), threading.Event()
    stopping.enter()
    stopping.begin(ended.set)
    with ThreadPoolExecutor(1) as another:
        another.submit(stopping.enter).result()
        assert not ended.is_set()
        stopping.leave()
        assert ended.wait(10)
