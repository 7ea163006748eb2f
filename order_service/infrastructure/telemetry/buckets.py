"""The buckets that histograms of this room have in common."""

from typing import Final

# Seconds, for what takes a millisecond when all is well and ends within a request's deadline.
CALL_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
