"""Behind a path of a proxy's: every URL that is written leads back to where it came from."""

from collections.abc import Iterator
from urllib.parse import urljoin

import pytest
import requests

from tests.system import Parts, System

TWO = 2


@pytest.fixture(scope="module")
def shop(parts: Parts, tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    settings = {"TRUSTED_PROXIES": "1", "SCRIPT_NAME": "/shop", "WEB_WORKERS": "1"}
    settings["AUTH_DISABLED"] = "true"
    with System(parts, tmp_path_factory.mktemp("prefix"), settings, workers=0) as system:
        yield system


class Proxy:
    """Passes requests on: with their path as it is, or without ``cuts``, of which it then tells."""

    def __init__(self, system: System, cuts: str = "") -> None:
        self._system = system
        self._cuts = cuts

    def request(self, method: str, path: str, **options: object) -> requests.Response:
        told = {"X-Forwarded-Prefix": self._cuts} if self._cuts else {}
        assert path.startswith(self._cuts)
        inside = path.removeprefix(self._cuts)
        return self._system.request(method, inside, headers=told, **options)


@pytest.mark.parametrize(("cuts", "path"), [("", "/shop"), ("/gate", "/gate")])
def test_a_client_behind_a_prefix_goes_from_link_to_link(
    cuts: str, path: str, shop: System
) -> None:
    proxy = Proxy(shop, cuts)
    item = shop.add_item(TWO)
    for _ in range(TWO):
        body = {"itemId": item, "quantity": 1}
        created = proxy.request("POST", f"{path}/api/orders/create", json=body)
        location = urljoin(f"{path}/api/orders/create", created.headers["Location"])
        assert proxy.request("GET", location).json() == created.json()
    first = proxy.request("GET", f"{path}/api/orders?limit=1&itemId={item}")
    second = proxy.request("GET", urljoin(f"{path}/api/orders", first.links["next"]["url"]))
    shown = [page.json()["orders"][0]["_id"] for page in (second, first)]
    assert shown == [str(each["_id"]) for each in shop.orders(item)]
    document = proxy.request("GET", f"{path}/openapi.json").json()
    assert document["servers"] == [{"url": path}]
    events = urljoin(f"{path}/docs", document["externalDocs"]["url"])
    assert proxy.request("GET", events).json()["asyncapi"]


def test_requests_that_come_by_no_proxy_have_no_prefix(shop: System) -> None:
    assert shop.request("GET", "/health/ready").status_code == 200
    assert shop.request("GET", "/openapi.json").json()["servers"] == [{"url": "/"}]
    assert shop.request("GET", "/shopping").status_code == 404


@pytest.mark.parametrize("prefix", ["//evil.example", "/\\evil.example", "https://evil.example"])
def test_no_forwarded_prefix_leads_a_client_to_another_host(prefix: str, shop: System) -> None:
    headers = {"X-Forwarded-Prefix": prefix, "X-Forwarded-Host": "evil.example"}
    body = {"itemId": shop.add_item(1), "quantity": 1}
    created = shop.request("POST", "/api/orders", json=body, headers=headers)
    order = created.json()["order"]["_id"]
    assert created.headers["Location"] == f"/api/orders/{order}"
    doubled = shop.request("GET", "/api//orders", headers=headers | {"Host": "evil.example"})
    assert (doubled.status_code, doubled.history) == (404, [])
