import pytest

from bench.simulation import Answer, Costs, Cpu, Seen, Setting, Shares, Step, calibrated, simulated

SHARES = Shares(trips=(2, 4, 3), wait=(0.1, 0.2, 0.7), cpu_before=0.5)
# An order alone takes 11.4 ms: 0.4 and 2 ms of CPU, and 9 ms of waiting.
COSTS = Costs(
    order=Step(2, 0.0009, Cpu(0.00015, 0.00015)),
    lease=Step(4, 0.0018, Cpu(0.0005, 0.0005)),
    change=Step(3, 0.0063, Cpu(0.0005, 0.0005)),
    each=Cpu(0.00005, 0.00005),
    behind=0.0001,
)
ORDER_CPU, COMMIT_CPU = 0.0004, 0.002
# Simulated: hundreds of commits, as many as the figures need to settle.
SECONDS = 2.0


def seen(clients: int) -> Seen:
    """What the simulation itself would show somebody who measures."""
    answer = simulated(Setting(COSTS, clients, seconds=SECONDS))
    half = (ORDER_CPU + COMMIT_CPU / answer.batch) / 2
    return Seen(clients, answer.rate, answer.p50, answer.batch, Cpu(half, half), COSTS.behind)


def test_an_order_alone_takes_what_its_steps_take() -> None:
    answer = simulated(Setting(COSTS, 1, seconds=SECONDS))

    assert answer.p50 == pytest.approx(0.0114)
    assert answer.rate == pytest.approx(1 / 0.0114, rel=0.01)
    assert (answer.batch, answer.lost) == (1, 0)


def test_simulated_orders_that_wait_share_a_commit() -> None:
    answer = simulated(Setting(COSTS, 64, cores=100, seconds=SECONDS))

    # A client waits for the end of the commit under way, perhaps for the other process', and for
    # its own.
    assert 10 < answer.batch <= 32
    assert answer.rate == pytest.approx(answer.batch / (0.0101 + answer.batch * 0.0001), rel=0.05)


def test_the_number_of_cores_bounds_the_simulated_rate() -> None:
    answer = simulated(Setting(COSTS, 200, cores=1, seconds=SECONDS))

    cpu = ORDER_CPU + COSTS.behind + COMMIT_CPU / answer.batch
    assert 0.85 / cpu < answer.rate < 1 / cpu


def test_hosts_race_for_the_lease_and_the_processes_of_one_host_do_not() -> None:
    alone = simulated(Setting(COSTS, 64, hosts=1, processes=4, cores=100, seconds=SECONDS))
    racing = simulated(Setting(COSTS, 64, hosts=4, processes=1, cores=100, seconds=SECONDS))

    assert alone.lost == 0
    assert racing.lost > 0
    assert racing.rate < alone.rate


def test_a_distance_is_added_to_each_simulated_round_trip() -> None:
    assert simulated(Setting(COSTS, 1, distance=0.001, seconds=SECONDS)).p50 == pytest.approx(
        0.0114 + 9 * 0.001
    )


def test_a_simulation_calibrated_by_small_runs_foretells_a_large_one() -> None:
    costs = calibrated(seen(1), seen(16), seen(32), SHARES, SECONDS)
    foretold, real = (simulated(Setting(each, 64, seconds=SECONDS)) for each in (costs, COSTS))

    def figures(answer: Answer) -> tuple[float, float, float]:
        return answer.rate, answer.p50, answer.batch

    assert figures(foretold) == pytest.approx(figures(real), rel=0.1)
