from devstack.ports import free_port


def test_no_port_is_given_twice_before_anybody_listens_on_it() -> None:
    given = [free_port() for _ in range(200)]

    assert len(set(given)) == len(given)
