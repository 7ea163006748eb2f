import socket

import pytest

from devstack.ports import LOOPBACK, bind_problem, free_port


def test_free_port_gives_no_port_twice() -> None:
    given = [free_port() for _ in range(200)]

    assert len(set(given)) == len(given)


def test_a_port_from_free_port_is_kept_from_other_processes_and_free_for_its_server() -> None:
    port = free_port()

    with socket.socket() as another_pick, pytest.raises(OSError, match="in use"):
        another_pick.bind((LOOPBACK, port))
    assert bind_problem(port) is None
