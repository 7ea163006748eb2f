"""Pages of other sites, as browsers send their requests, against the real server."""

from collections.abc import Iterator

import pytest

from tests.system import Parts, System

SHOP = "https://shop.example"


@pytest.fixture(scope="module")
def with_a_shop(parts: Parts, tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """Lets the pages of one shop in."""
    settings = {"CORS_ORIGINS": SHOP, "WEB_WORKERS": "1"}
    with System(parts, tmp_path_factory.mktemp("shop"), settings, workers=0) as system:
        yield system


def sent(system: System, site: str | None, origin: str | None) -> tuple[int, int]:
    """The answer's status, and how many units the item lost."""
    item = system.add_item(stock=5)
    given = {"Sec-Fetch-Site": site, "Origin": origin}
    headers = {name: value for name, value in given.items() if value is not None}
    answer = system.request(
        "POST", "/api/orders", json={"itemId": item, "quantity": 2}, headers=headers
    )
    return answer.status_code, 5 - system.items.stock(item)


@pytest.mark.parametrize("origin", [SHOP, "null", None])
@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_a_page_of_another_site_orders_nothing(
    site: str, origin: str | None, open_system: System
) -> None:
    assert sent(open_system, site, origin) == (403, 0)


@pytest.mark.parametrize("site", ["same-origin", "none", None])
def test_the_services_own_pages_and_programs_order(site: str | None, open_system: System) -> None:
    assert sent(open_system, site, open_system.urls[0]) == (201, 2)


@pytest.mark.parametrize(
    ("origin", "result"), [(SHOP, (201, 2)), (f"{SHOP}.evil.example", (403, 0)), (None, (403, 0))]
)
def test_a_page_of_a_shop_in_cors_origins_orders_and_no_other_sites(
    origin: str | None, result: tuple[int, int], with_a_shop: System
) -> None:
    assert sent(with_a_shop, "cross-site", origin) == result


def test_an_open_service_on_loopback_answers_to_no_name_that_was_pointed_at_it(
    open_system: System,
) -> None:
    item = open_system.add_item(stock=5)
    headers = {"Host": "evil.example", "Sec-Fetch-Site": "same-origin"}
    body = {"itemId": item, "quantity": 2}
    answer = open_system.request("POST", "/api/orders", json=body, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (421, "misdirected_request")
    assert open_system.items.stock(item) == 5
    assert open_system.request("GET", "/api/orders", headers=headers).status_code == 421


def test_a_service_that_asks_for_tokens_answers_to_any_name(guarded_system: System) -> None:
    answer = guarded_system.request("GET", "/health/live", headers={"Host": "shop.example"})
    assert answer.status_code == 200


def test_a_page_of_another_site_is_turned_away_before_its_token_and_its_body_are_looked_at(
    guarded_system: System,
) -> None:
    headers = {"Sec-Fetch-Site": "cross-site", "Content-Type": "text/plain"}
    answer = guarded_system.request("POST", "/api/orders", data=b"no JSON", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (403, "cross_site")
    headers["Sec-Fetch-Site"] = "same-origin"
    answer = guarded_system.request("POST", "/api/orders", data=b"no JSON", headers=headers)
    assert answer.status_code == 401
