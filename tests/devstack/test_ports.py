import socket

import pytest

from devstack.ports import LOOPBACK, bind_problem, free_port


def test_no_port_is_given_twice_before_anybody_listens_on_it() -> None:
    given = [free_port() for _ in range(200)]

    assert len(set(given)) == len(given)


def test_a_port_that_was_given_is_no_other_process_s_pick_and_its_server_s_alone() -> None:
    port = free_port()

    with socket.socket() as another_pick, pytest.raises(OSError, match="in use"):
        another_pick.bind((LOOPBACK, port))
    assert bind_problem(port) is None
