"""Dead letters as the worker writes them, on a stage whose events may have 300 bytes at first."""

from tests.integration.stock.stock_stage import RunningConsumer, Stage
from tests.waiting import until


def consume(stage: Stage) -> None:
    """Until everything in the topic is dealt with."""
    due = len(stage.read(stage.topic)) - stage.committed()
    with RunningConsumer(stage) as running:
        until(lambda: running.metric("consumed_total", topic=stage.topic) == due, "the topic's end")


def bury(stage: Stage, *values: bytes | None) -> None:
    stage.send(*values, key=b"k", headers=[("trace", b"7")])
    consume(stage)


def mend(stage: Stage) -> None:
    stage.settings = stage.settings.model_copy(update={"stock_event_max_bytes": 65_536})
