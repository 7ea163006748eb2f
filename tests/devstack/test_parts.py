"""The embedded servers as such: data kept, ports, and three of a kind."""

from pathlib import Path

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient
from pymongo import MongoClient, WriteConcern

from devstack.errors import PartFailed
from devstack.kafka import KafkaBroker, KafkaCluster
from devstack.mongod import MongoCluster, Mongod
from tests.devstack.topic import Topic


def insert(uri: str, number: int) -> None:
    with MongoClient[dict[str, int]](uri) as client:
        durable = WriteConcern(w="majority", j=True)
        collection = client["shop"].get_collection("orders", write_concern=durable)
        collection.insert_one({"_id": number})


def count(uri: str) -> int:
    with MongoClient[dict[str, int]](uri) as client:
        return client["shop"]["orders"].count_documents({})


def produce(bootstrap: str) -> None:
    failures: list[object] = []
    producer = Producer({"bootstrap.servers": bootstrap, "acks": "all", "log_level": 0})
    producer.produce("letters", b'{"itemId": "x"}', on_delivery=lambda e, _: failures.append(e))
    assert producer.flush(15) == 0
    assert failures == [None]


def test_mongodb_keeps_its_data_over_a_kill_and_a_change_of_port(tmp_path: Path) -> None:
    first = Mongod(tmp_path).start()
    insert(first.uri, 1)
    first.kill()
    first.start()
    assert count(first.uri) == 1
    first.kill()
    with Mongod(tmp_path) as second:
        assert second.port != first.port
        insert(second.uri, 2)
        assert count(second.uri) == 2


@pytest.mark.parametrize("kind", [Mongod, KafkaBroker])
@pytest.mark.parametrize("locale", ["C", "C.UTF-8"])
def test_the_folder_of_a_parts_data_may_have_any_name_and_nothing_lies_beside_the_folder(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    kind: type[Mongod] | type[KafkaBroker],
    locale: str,
) -> None:
    monkeypatch.setenv("LC_ALL", locale)
    folder = tmp_path / "Bestellungen für 日本, #1=x\\y:%s"
    for _ in range(2):
        kind(folder).start().stop()
    assert list(tmp_path.iterdir()) == [folder]


def test_mongodb_can_run_without_a_replica_set(tmp_path: Path) -> None:
    with Mongod(tmp_path, replica_set_size=0) as alone:
        assert "replicaSet" not in alone.uri
        insert(alone.uri, 1)


def test_kafka_keeps_its_data_over_a_kill_and_a_change_of_port(tmp_path: Path) -> None:
    first = KafkaBroker(tmp_path).start()
    produce(first.bootstrap)
    first.kill()
    with KafkaBroker(tmp_path) as second:
        assert second.port != first.port
        produce(second.bootstrap)
        topic = Topic(second.bootstrap, "letters")
        assert len(topic.events("x", at_least=2)) == 2
        topic.close()


@pytest.mark.parametrize("kind", [Mongod, KafkaBroker])
def test_a_part_whose_port_is_taken_names_the_port(
    tmp_path: Path, mongo: Mongod, kind: type[Mongod] | type[KafkaBroker]
) -> None:
    with pytest.raises(PartFailed, match=rf"finds its port {mongo.port} taken"):
        kind(tmp_path, port=mongo.port).start()


def test_a_mongodb_on_data_that_another_one_uses_names_the_cause_and_the_log(mongo: Mongod) -> None:
    with pytest.raises(PartFailed, match=r"DBPathInUse.*mongod\.log"):
        Mongod(mongo.data_dir).start()


@pytest.mark.cluster
def test_a_mongodb_cluster_has_a_new_primary_when_the_old_one_is_killed(tmp_path: Path) -> None:
    with MongoCluster(tmp_path) as cluster:
        insert(cluster.uri, 1)
        killed = cluster.primary()
        killed.kill()
        assert cluster.primary() is not killed
        insert(cluster.uri, 2)
        killed.start()
        assert count(cluster.uri) == 2


@pytest.mark.cluster
def test_a_kafka_cluster_takes_events_with_a_node_killed(tmp_path: Path) -> None:
    with KafkaCluster(tmp_path) as cluster:
        produce(cluster.bootstrap)
        admin = AdminClient({"bootstrap.servers": cluster.bootstrap, "log_level": 0})
        partition = admin.list_topics("letters", timeout=10).topics["letters"].partitions[0]
        assert sorted(partition.replicas) == [1, 2, 3]
        killed = cluster.node(partition.leader)
        killed.kill()
        produce(cluster.bootstrap)
        killed.start()
