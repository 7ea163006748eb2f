"""Where reads of an order are answered from."""

from prometheus_client import CollectorRegistry, Counter


class ReadMetrics:
    def __init__(self, registry: CollectorRegistry) -> None:
        reads = Counter(
            "order_service_order_reads",
            "Reads of an order, by what answered: local or shared (cached), or the store.",
            ["source"],
            registry=registry,
        )
        # Looking a label up takes longer than counting.
        self._counts = {name: reads.labels(name) for name in ("local", "shared", "store")}

    def count(self, source: str) -> None:
        self._counts[source].inc()
