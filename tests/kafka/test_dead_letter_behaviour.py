"""The suite of the dead letters' commands, held by a cluster too: it has a stage of its own."""

from tests.integration.test_dead_letter_commands import *  # noqa: F403
