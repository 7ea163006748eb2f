"""Exit code 0 when the process in this container answers: healthcheck.py VARIABLE DEFAULT [PATH].

VARIABLE is the setting that holds its port, and HOST the one with its address. The image has no
curl.
"""

import os
import sys
from http.client import HTTPConnection

variable, default, path = (*sys.argv[1:], "/health/live")[:3]
port = os.environ.get(variable, "")
if not port.isdecimal():
    # Not set, or by Kubernetes, for a Service of that name: tcp://10.0.0.7:3101.
    port = default
host = os.environ.get("HOST", "").strip("[]")
# Where what listens on all addresses, or on localhost, is found.
host = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104
connection = HTTPConnection(host, int(port), timeout=4)
try:
    connection.request("GET", path)
    status = connection.getresponse().status
except OSError as error:
    sys.exit(f"{path} can't be reached: {error}")
if status != 200:
    sys.exit(f"{path} answers {status}")
