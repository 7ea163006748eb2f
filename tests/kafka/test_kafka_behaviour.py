"""The behaviour suites of a single broker, held by a cluster too."""

from tests.integration.test_kafka_consumer import *  # noqa: F403
from tests.integration.test_kafka_publishing import *  # noqa: F403
