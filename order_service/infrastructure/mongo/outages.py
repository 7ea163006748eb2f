"""The outage of the order store, as one for all operations of this process.

The driver's own words name every server, and may repeat a document. So the log has the cause in
words of ours, or by the server's code.
"""

import re
from typing import Final

import structlog
from pymongo.errors import OperationFailure, PyMongoError, WaitQueueTimeoutError

from order_service.application.outage import Outage
from order_service.domain.errors import OrderServiceError, StoreUnavailable
from order_service.infrastructure.mongo.failures import for_log, meaning, refused

# The first word that is found.
_CAUSES: Final = (
    ("certificate verify failed", "certificate verify failed"),
    ("SSL|TLS", "TLS failed"),
    ("service not known|name resolution|nodename|No address|DNS", "host not known"),
    ("refused", "connection refused"),
    ("timed out|time limit|TimeLimit", "timed out"),
    ("unreachable|No route", "network unreachable"),
    ("match selector|[Nn]o primary|not primary|NotPrimary", "no primary"),
    ("closed|reset|[Bb]roken pipe", "connection closed"),
)
# What may hold any word: the servers' names, and a remark on time-outs.
_AROUND: Final = re.compile(r"\(configured timeouts[^)]*\)|, Timeout: .*|\S+:\d+: ", re.DOTALL)

STORE: Final = Outage("store_unavailable", structlog.get_logger(), shared=True)


def failure(error: Exception) -> OrderServiceError:
    """What the driver's error means. The log has its cause, if it is the store that is away."""
    meant = meaning(error)
    if isinstance(meant, StoreUnavailable):
        STORE.failed(cause=cause(error), reason=meant.message)
    return meant


def refusal(code: int) -> StoreUnavailable:
    """What a single write of many met."""
    meant = refused(code)
    STORE.failed(cause=f"error {code}", reason=meant.message)
    return meant


def cause(error: Exception) -> str:
    """``connection refused``, ``Unauthorized (13)``: in few words, without a host or a document."""
    if isinstance(error, WaitQueueTimeoutError):
        return "no free connection"
    text = _AROUND.sub("", str(error)) if isinstance(error, PyMongoError) else ""
    told = next((told for words, told in _CAUSES if re.search(words, text)), None)
    plain = for_log(error)
    if told is None and isinstance(plain, OperationFailure) and plain.code is not None:
        name = (plain.details or {}).get("codeName", "error")
        return f"{name} ({plain.code})"
    return told or type(error).__name__
