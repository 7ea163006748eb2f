"""The suite of the dead letters' commands, held by a cluster too: it has a stage of its own."""

from tests.integration.cli.test_dead_letters import *  # noqa: F403
