"""The behaviour suites of a single broker, held by a cluster too."""

from tests.integration.kafka.test_consumer import *  # noqa: F403
from tests.integration.kafka.test_publishing import *  # noqa: F403
