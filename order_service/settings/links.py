"""The variables that Kubernetes, or a link of Docker's, sets in every container for a service.

A service called worker sets WORKER_PORT=tcp://10.0.0.7:3101, WORKER_SERVICE_HOST and more; one that
is called kafka sets KAFKA_PORT, by which an option of librdkafka could be meant.
"""

import re
from typing import Final

# No setting and no option of librdkafka has such a name.
_NAME: Final = re.compile(
    r"\w+_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\d+_(TCP|UDP|SCTP)(_(ADDR|PORT|PROTO))?)"
)
_PORT: Final = re.compile(r"\w+_PORT")
# An operator who sets a port writes a number.
_URL: Final = re.compile(r"(tcp|udp|sctp)://\S+:\d+")


def is_link(name: str, value: str) -> bool:
    """Whether a service's link set the variable, and nobody meant a setting by it."""
    is_port = _PORT.fullmatch(name) and _URL.fullmatch(value)
    return bool(is_port or _NAME.fullmatch(name))
