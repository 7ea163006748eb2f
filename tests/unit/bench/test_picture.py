from xml.etree import ElementTree

from bench.picture import drawn
from bench.works import WORKS
from tests.unit.bench.measurements import measured


def words(picture: str) -> list[str]:
    return [each.text or "" for each in ElementTree.fromstring(picture).iter() if each.text]


def test_every_work_that_was_measured_is_drawn() -> None:
    results = [
        measured(work.name, service, number)
        for work in WORKS.values()
        for service in work.services
        for number in range(2)
    ]

    found = words(drawn(results, "a <machine> & more"))

    assert {work.title for work in WORKS.values()} < set(found)
    assert "a <machine> & more" in found
    # Once as itself, and once beside the conditional contract.
    assert found.count("Express") == 5


def test_a_work_that_was_not_measured_is_not_drawn() -> None:
    found = words(drawn([measured("hot", "ours", cpu=0.25)], ""))

    assert WORKS["hot"].title in found
    assert WORKS["create"].title not in found
    assert "0.25" in found
