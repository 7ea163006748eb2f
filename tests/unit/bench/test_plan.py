import pytest

from bench.plan import arguments, is_whole, steps
from bench.works import WORKS


def test_the_service_that_comes_first_at_a_work_comes_last_in_the_next_round() -> None:
    turns = [service for _, _, service in steps(["create"], 2)]

    assert turns == ["ours", "express", "fastapi", "express", "fastapi", "ours"]


def test_the_work_of_the_conditional_contract_brings_the_work_it_is_compared_with() -> None:
    found = [(work.name, service) for _, work, service in steps(["conditional"], 1)]

    assert found == [("conditional", "conditional"), ("create", "express")]


def test_a_whole_run_measures_each_service_at_each_work_once_a_round() -> None:
    found = [(work.name, service) for _, work, service in steps(list(WORKS), 1)]

    assert len(found) == len(set(found)) == sum(len(work.services) for work in WORKS.values())


@pytest.mark.parametrize("part", [["--works", "hot"], ["--no-list"], ["--rounds", "1"]])
def test_the_results_of_a_part_of_a_run_replace_those_of_no_whole_run(part: list[str]) -> None:
    assert not is_whole(arguments(part, ""))
    assert is_whole(arguments([], ""))


@pytest.mark.parametrize("bad", [["--works", "create,nothing"], ["--rounds", "0"]])
def test_an_option_of_the_bench_that_makes_no_sense_is_refused(
    bad: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        arguments(bad, "")

    assert bad[1].split(",")[-1] in capsys.readouterr().err
