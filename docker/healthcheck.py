"""Exit code 0 when the process in this container answers: healthcheck.py VARIABLE DEFAULT [PATH].

VARIABLE is the setting that holds its port. The image has no curl.
"""

import os
import sys
from http.client import HTTPConnection

variable, default, path = (*sys.argv[1:], "/health/live")[:3]
connection = HTTPConnection("127.0.0.1", int(os.environ.get(variable) or default), timeout=4)
try:
    connection.request("GET", path)
    status = connection.getresponse().status
except OSError as error:
    sys.exit(f"{path} can't be reached: {error}")
if status != 200:
    sys.exit(f"{path} answers {status}")
