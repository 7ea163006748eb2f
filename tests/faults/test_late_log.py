"""The stock-change log lags behind: what it takes late must not pass for evidence."""

import signal

from tests.faults.buyers import Buyers
from tests.faults.conftest import Checked, absolute_only
from tests.faults.rig import Rig
from tests.misbehaving import HANG_BEFORE
from tests.waiting import until


@absolute_only
def test_an_older_change_that_the_log_takes_late_is_no_evidence_for_a_lost_overwrite(
    rig: Rig, buyers: Buyers, checked: Checked
) -> None:
    item, other = (rig.system.add_item(100) for _ in range(2))
    for worker in rig.system.worker:
        worker.signal(signal.SIGSTOP)
    try:
        # 100 → 99 → 100, and then the same 100 → 99 again, which never arrives.
        buyers.buy_and_cancel(item).result()
        rig.proxy.misbehave(HANG_BEFORE, method="PATCH", path=item, times=1)
        sent = len(rig.proxy.requests)
        second = buyers.buy({item: 1, other: 1})
        until(lambda: any("PATCH" in each for each in rig.proxy.requests[sent:]), "it was sent")
    finally:
        for worker in rig.system.worker:
            worker.signal(signal.SIGCONT)
    second.result()
    checked("log takes an older change late", 1, {item: 100, other: 100})
