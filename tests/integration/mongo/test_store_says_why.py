"""Why the store can't be used is said in one line, without a host, a user or the driver's words."""

import re
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from bson import ObjectId

from devstack.mongod import Mongod
from devstack.ports import free_port
from order_service.application.orders.list import OrderPlace, OrderQuery
from order_service.application.stock_log.changes import StockChangeQuery
from order_service.domain.errors import InvalidValue, StoreUnavailable
from order_service.infrastructure.dependencies import StoreDependency
from order_service.infrastructure.mongo import schema
from order_service.infrastructure.mongo.connection import Database
from order_service.infrastructure.mongo.order_pages import MongoOrderPages
from order_service.infrastructure.mongo.orders import MongoOrderRepository
from order_service.infrastructure.mongo.stock_changes import MongoStockChangeLog
from tests import commands
from tests.integration.connections import connected
from tests.integration.mongo.guarded_mongod import PASSWORD, USER, GuardedMongod
from tests.orders import key, pending
from tests.system import clean_environment

REFUSED, RIGHTS, PRIMARY = "user or the password", "does not allow", "no primary now"
SLOW, FULL, OTHER = "did not answer in time", "no room", "did not carry it out"


def why(use: Callable[[], object]) -> str:
    with pytest.raises(StoreUnavailable) as unavailable:
        use()
    error = unavailable.value
    assert error.__cause__ is not None
    assert "\n" not in error.message
    assert not re.search(rf"127\.0|{USER}|{re.escape(PASSWORD)}|errmsg|Topology", error.message)
    return error.message


@pytest.fixture(scope="module")
def shop(guarded: GuardedMongod) -> str:
    """The name of a migrated database."""
    with connected(guarded.uri_of(), mongo_database="shop") as database:
        schema.migrate(database)
    return "shop"


@pytest.mark.parametrize(
    ("code", "words"),
    [(18, REFUSED), (13, RIGHTS), (50, SLOW), (14031, FULL), (8, OTHER)],
)
def test_each_refusal_of_mongodb_has_a_meaning(
    code: int, words: str, guarded: GuardedMongod, shop: str
) -> None:
    with connected(guarded.uri_of(), mongo_database=shop) as database:
        repository = MongoOrderRepository(database)
        repository.add(pending())
        uses: dict[str, Callable[[], object]] = {
            "insert": lambda: repository.add(pending()),
            "find": lambda: repository.get(str(ObjectId())),
            "update": lambda: repository.save(pending().saved()),
            "listIndexes": StoreDependency(database).check,
        }
        for command, use in uses.items():
            with guarded.answering(code, command):
                assert words in why(use)


@pytest.mark.parametrize(
    ("code", "words"), [(64, SLOW), (100, "by a majority"), (91, PRIMARY), (14031, FULL)]
)
def test_a_write_that_is_not_acknowledged_says_why(
    code: int, words: str, guarded: GuardedMongod, shop: str
) -> None:
    concern = {"code": code, "errmsg": "of the server", "errorLabels": []}
    data = {"failCommands": ["insert", "update"], "writeConcernError": concern}
    with (
        connected(guarded.uri_of(), mongo_database=shop) as database,
        guarded.failing("failCommand", data),
    ):
        assert words in why(lambda: MongoOrderRepository(database).add(pending()))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ("tls=true", "trusted TLS connection"),
        ("replicaSet=another", "not the replica set"),
    ],
)
def test_a_connection_that_can_not_be_made_says_why(
    options: str, words: str, guarded: GuardedMongod
) -> None:
    with connected(f"{guarded.uri_of()}&{options}", store_timeout=1) as database:
        assert words in why(StoreDependency(database).check)


@pytest.mark.parametrize(
    ("uri", "words"),
    [
        ("mongodb://127.0.0.1:{free_port}", "can't be reached"),
        ("mongodb://nowhere.invalid", "host is not known"),
        ("mongodb://a..b", "host is not known"),
    ],
)
def test_a_mongodb_that_is_not_there_is_an_error_that_says_why(uri: str, words: str) -> None:
    with connected(uri.format(free_port=free_port()), store_timeout=0.5) as database:
        assert words in why(StoreDependency(database).check)


def test_a_replica_set_that_was_never_initiated_has_no_primary(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    mongo = Mongod(tmp_path_factory.mktemp("ghost"))
    mongo.forms_own_set = False
    with mongo, connected(mongo.uri, store_timeout=1) as database:
        assert PRIMARY in why(StoreDependency(database).check)


# --- the commands


def order_service(*arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    short = {"STORE_TIMEOUT": "2", "INVENTORY_CONNECT_TIMEOUT": "1"}
    return commands.order_service(*arguments, environment=clean_environment(short | settings))


COMMANDS = [["orders", "list"], ["orders", "stuck"], ["orders", "show", "a" * 24], ["reconcile"]]


@pytest.mark.parametrize("command", [*COMMANDS, ["migrate"]])
def test_a_command_says_that_the_password_is_wrong(
    command: list[str], guarded: GuardedMongod
) -> None:
    ended = order_service(*command, MONGO_URI=guarded.uri_of(password="another"))
    assert ended.returncode != 0
    assert ended.stdout == ""
    [line] = ended.stderr.splitlines()
    assert REFUSED in line


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_says_that_the_database_is_not_migrated(
    command: list[str], guarded: GuardedMongod
) -> None:
    ended = order_service(*command, MONGO_URI=guarded.uri_of(), MONGO_DATABASE="never-migrated")
    assert ended.returncode != 0
    [line] = ended.stderr.splitlines()
    assert line == "The database is not migrated: run `order-service migrate`."


def test_migrate_tells_a_user_without_rights_so(guarded: GuardedMongod) -> None:
    uri = guarded.make_user("reader", "r", [{"role": "read", "db": "elsewhere"}])
    ended = order_service("migrate", MONGO_URI=uri)
    assert ended.returncode == 1
    [line] = ended.stderr.splitlines()
    assert RIGHTS in line


def test_a_user_with_read_write_alone_can_migrate_and_serve(guarded: GuardedMongod) -> None:
    uri = guarded.make_user("plain", "p", [{"role": "readWrite", "db": "plain-shop"}])
    with connected(uri, mongo_database="plain-shop") as database:
        schema.migrate(database, 30)
        StoreDependency(database).check()
        MongoOrderRepository(database).add(pending())


# --- what can't be there

SURROGATE = "\ud800"
YEAR_1, YEAR_9999 = (datetime(year, 1, 1, tzinfo=UTC) for year in (1, 9999))
BEYOND = datetime.max.replace(tzinfo=UTC) - timedelta(microseconds=1)


def test_an_order_that_can_not_be_stored_is_refused_and_the_next_order_is_stored(
    database: Database,
) -> None:
    repository = MongoOrderRepository(database)
    with pytest.raises(InvalidValue):
        repository.add(pending(customer_id=SURROGATE))
    with pytest.raises(InvalidValue):
        repository.add(pending(idempotency=key(SURROGATE)))
    assert repository.get(repository.add(pending()).id) is not None


@pytest.mark.parametrize("order_id", ["", "x", SURROGATE, "a" * 23, "\0" * 24, "ä" * 24, "A" * 25])
def test_a_malformed_order_id_finds_no_order(order_id: str, database: Database) -> None:
    assert MongoOrderRepository(database).get(order_id) is None


def page_of_orders(database: Database, **query: Any) -> object:
    return MongoOrderPages(database).page(OrderQuery(**query))


def page_of_the_log(database: Database, **query: Any) -> object:
    return MongoStockChangeLog(database).page(StockChangeQuery(**query))


@pytest.mark.parametrize(
    "ask",
    [
        lambda database: page_of_orders(database, after=OrderPlace(YEAR_1, "0" * 24)),
        lambda database: page_of_orders(database, after=OrderPlace(BEYOND, "f" * 24)),
        lambda database: page_of_orders(database, created_from=YEAR_1, created_to=YEAR_9999),
        lambda database: page_of_the_log(database, created_from=YEAR_1, created_to=BEYOND),
        lambda database: page_of_the_log(database, after_id="f" * 24, created_to=YEAR_1),
    ],
)
def test_pages_at_the_ends_of_the_calendar_are_empty(
    ask: Callable[[Database], object], database: Database
) -> None:
    assert ask(database) in ([], ([], False))


@pytest.mark.parametrize(
    "ask",
    [
        lambda database: page_of_orders(database, customer_id=SURROGATE),
        lambda database: page_of_orders(database, item_id="no id"),
        lambda database: page_of_orders(database, after=OrderPlace(YEAR_1, "no id")),
        lambda database: page_of_orders(database, limit=2**70),
        lambda database: page_of_the_log(database, item_id=SURROGATE),
        lambda database: page_of_the_log(database, after_id="no id"),
        lambda database: page_of_the_log(database, limit=2**70),
        lambda database: MongoOrderRepository(database).get_many(["no id"]),
    ],
)
def test_a_query_that_mongodb_can_not_encode_is_an_invalid_value(
    ask: Callable[[Database], object], database: Database
) -> None:
    with pytest.raises(InvalidValue):
        ask(database)
