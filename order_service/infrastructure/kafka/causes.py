"""Why Kafka does not answer, from librdkafka's words: the cause, and what to check."""

import re
from collections.abc import Sequence
from typing import Final

# The first pattern that matches. No cause names a host or a secret: strangers may read it.
_CAUSES: Final = (
    (
        r"resolve|unknown host|name or service|nodename",
        "its host is not known: check KAFKA_BROKER and the name service.",
    ),
    (
        r"authenticat|sasl",
        "authentication failed: check KAFKA_SASL_MECHANISM, KAFKA_SASL_USERNAME and "
        "KAFKA_SASL_PASSWORD.",
    ),
    (
        r"certificate|ssl|tls",
        "TLS failed: check KAFKA_SECURITY_PROTOCOL and KAFKA_SSL_CA_LOCATION.",
    ),
    (
        # A broker that hangs leaves the same request unanswered.
        r"security\.protocol|apiversion(?!.*timed out)",
        "it closes the connection: check whether KAFKA_SECURITY_PROTOCOL is what its port speaks.",
    ),
    (r"authoriz", "this user may not: check the broker's access lists."),
    (r"refused", "the connection is refused: is Kafka up, and KAFKA_BROKER its address?"),
    (r"timed? ?out", "no answer in time: check the network, and whether Kafka is overloaded."),
)
OTHER: Final = "the connection broke: is Kafka up, and KAFKA_BROKER its address?"


# The broker's name, which may hold any word, and the state of its connection.
_AROUND: Final = re.compile(r"^\S+: |\(after .*")


def cause(said: str) -> str:
    """Clauses to stand behind a colon."""
    words = _AROUND.sub("", said)
    return next((told for word, told in _CAUSES if re.search(word, words, re.IGNORECASE)), OTHER)


def telling(said: Sequence[str]) -> str:
    """The cause that explains most: a broken connection often follows from another cause."""
    found = {cause(each) for each in said}
    return next((told for _, told in _CAUSES if told in found), OTHER)
