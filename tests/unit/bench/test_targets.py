from bench.targets import Judged, judged
from tests.unit.bench.measurements import loaded, measured


def found(rows: list[Judged], title: str) -> Judged:
    return next(row for row in rows if row.title == title)


def test_a_ratio_is_of_two_figures_of_the_same_round() -> None:
    ours = [measured("create", "ours", n, cpu=cpu) for n, cpu in enumerate((1.0, 2.0, 6.0))]
    theirs = [measured("create", "express", n, cpu=cpu) for n, cpu in enumerate((2.0, 10.0, 6.0))]

    row = found(judged([*ours, *reversed(theirs)], None), "create: CPU / Express")

    assert (row.median, row.low, row.high) == (0.5, 0.2, 1.0)
    assert row.met


def test_the_conditional_contract_is_compared_with_the_absolute_one() -> None:
    results = [
        measured("conditional", "conditional", cpu=3.0),
        measured("create", "express", cpu=4.0),
        measured("hot", "express", cpu=100.0),
    ]

    row = found(judged(results, None), "conditional: CPU / Express (absolute)")

    assert row.median == 0.75
    assert row.met is False


def test_one_unit_oversold_in_one_round_misses_the_target() -> None:
    results = [measured("hot", "ours", n, oversold=sold) for n, sold in enumerate((0, 1, 0))]

    assert found(judged(results, None), "hot item: oversold").met is False


def test_the_largest_process_of_any_work_counts() -> None:
    worker = {"api": [70_000_000], "worker": [81_000_000]}
    results = [measured("read", "ours"), measured("hot", "ours", resident=worker)]

    row = found(judged(results, None), "MB of the largest process")

    assert row.median == 81
    assert row.met is False


def test_a_target_whose_work_was_not_measured_is_not_judged() -> None:
    titles = [row.title for row in judged([measured("create", "express")], None)]

    assert titles == []


def test_a_slow_tail_of_answers_misses_the_target() -> None:
    slow = measured("create", "ours", loaded=loaded(p50=10.0, p99=25.0))

    assert found(judged([slow], None), "create: p99 / p50").median == 2.5


def test_the_list_is_judged_by_all_lists_together() -> None:
    row = found(judged([], (1.1, 1.0, 1.4)), "list page of 20: slowest / fastest")

    assert row.met
