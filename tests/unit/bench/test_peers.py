import json

from tests.system import CHECKOUT

PEERS = CHECKOUT / "bench" / "peers"


def test_the_packages_of_express_are_pinned_and_come_from_the_public_registry() -> None:
    lock = json.loads((PEERS / "express" / "package-lock.json").read_text(encoding="utf-8"))
    packages = [each for path, each in lock["packages"].items() if path]

    assert all("integrity" in each and "version" in each for each in packages)
    for each in packages:
        assert each.get("resolved", "https://registry.npmjs.org/").startswith(
            "https://registry.npmjs.org/"
        )
