"""librdkafka's settings: our defaults, then the operator's, then what our promises hang on."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final, TypeVar

from confluent_kafka import KafkaError

from order_service.infrastructure.kafka import outages
from order_service.infrastructure.kafka.options import is_used, variable
from order_service.settings import Settings, SettingsError
from order_service.settings.redaction import redacted
from order_service.settings.secret_files import is_secret

Config = dict[str, Any]
Client = TypeVar("Client")

# A dead letter is larger than its original by some headers, so this is above any topic's limit.
LARGEST_MESSAGE: Final = 16 * 1024 * 1024

# Clients reconnect within seconds to a broker that is back.
_DEFAULTS: Final[Config] = {"reconnect.backoff.max.ms": 3000}

_CONSUMER_DEFAULTS: Final[Config] = {
    **_DEFAULTS,
    "auto.offset.reset": "earliest",
    "partition.assignment.strategy": "cooperative-sticky",
    "auto.commit.interval.ms": 1000,
    # So long the log stands still after a worker is killed.
    "session.timeout.ms": 10_000,
    # A new topic or partition is noticed within seconds.
    "topic.metadata.refresh.interval.ms": 5000,
    # Records fetched ahead take memory. A few batches are enough if the next fetch begins as soon
    # as they are taken (librdkafka's own pause is a second).
    "queued.max.messages.kbytes": 1024,
    "queued.min.messages": 2000,
    "fetch.max.bytes": 1024 * 1024,
    "fetch.queue.backoff.ms": 10,
}
_CONSUMER_OWN: Final[Config] = {
    "enable.auto.commit": True,
    "enable.auto.offset.store": False,
    # Tells the end of a partition whose last records a consumer never gets, as aborted ones.
    "enable.partition.eof": True,
}
_PRODUCER_DEFAULTS: Final[Config] = {
    **_DEFAULTS,
    # As in Java's and most clients, so that a key has one partition whichever client produces.
    "partitioner": "murmur2_random",
    "delivery.timeout.ms": 15_000,
    "message.max.bytes": LARGEST_MESSAGE,
}
_PRODUCER_OWN: Final[Config] = {"acks": "all", "enable.idempotence": True}

_PROMISED: Final = [*_CONSUMER_OWN, *_PRODUCER_OWN, "request.required.acks", "transactional.id"]
_REFUSED: Final[Mapping[str, str]] = {
    "bootstrap.servers": "set KAFKA_BROKER instead",
    "metadata.broker.list": "set KAFKA_BROKER instead",
    "group.id": "set KAFKA_GROUP instead",
    **dict.fromkeys(_PROMISED, "what the service promises hangs on it, so it can't be changed"),
}


def consumer_config(settings: Settings) -> Config:
    """Raises SettingsError for a setting that is not the operator's to change."""
    given = _given(settings, "consumer")
    defaults = dict(_CONSUMER_DEFAULTS)
    if given.get("group.protocol") == "consumer":
        # The broker decides these (KIP-848), and librdkafka refuses our defaults for them.
        del defaults["partition.assignment.strategy"], defaults["session.timeout.ms"]
    return defaults | given | _CONSUMER_OWN | _own(settings) | {"group.id": settings.kafka_group}


def reader_config(settings: Settings) -> Config:
    """For a consumer with partitions assigned by hand: it joins no group and commits no offset."""
    return consumer_config(settings) | {
        "enable.auto.commit": False,
        "group.id": f"{settings.kafka_group}-reader",
        # At the end of a partition there is nothing to wait for, and a fetch that waits keeps the
        # connection from what is asked next.
        "fetch.wait.max.ms": 10,
    }


def producer_config(settings: Settings) -> Config:
    """Raises SettingsError for a setting that is not the operator's to change."""
    return _PRODUCER_DEFAULTS | _given(settings, "producer") | _PRODUCER_OWN | _own(settings)


def admin_config(settings: Settings) -> Config:
    """Raises SettingsError for a setting that is not the operator's to change."""
    return _DEFAULTS | _given(settings, "producer") | _own(settings)


def dead_letter_config(settings: Settings) -> Config:
    """Compressed: a record that came compressed, and so small, is as small as a dead letter.

    Raises SettingsError for a setting that is not the operator's to change.
    """
    return {"compression.type": "zstd"} | producer_config(settings)


def build(make: Callable[[Config], Client], config: Config, settings: Settings) -> Client:
    """The client; raises SettingsError when librdkafka refuses a setting's name or value."""
    try:
        return make(config)
    except Exception as error:  # noqa: BLE001  (the binding does not list its errors)
        raise SettingsError(_one_line(error, settings)) from None


def _given(settings: Settings, scope: str) -> Config:
    given: Config = {"client.id": "order-service"}
    for part in ("common", scope):
        for option, value in settings.kafka_config.get(part, {}).items():
            if option in _REFUSED:
                raise SettingsError(f"Bad setting: {variable(part, option)}: {_REFUSED[option]}.")
            if is_used(part, option):
                given[option] = value
    return given


def _own(settings: Settings) -> Config:
    secrets = {
        option: value
        for given in settings.kafka_config.values()
        for option, value in given.items()
        if is_secret(option)
    }
    return {
        "bootstrap.servers": settings.kafka_broker,
        "logger": outages.logger(secrets),
        "error_cb": partial(outages.log_error, secrets),
    }


def _one_line(error: Exception, settings: Settings) -> str:
    first = error.args[0] if error.args else error
    reason = first.str() if isinstance(first, KafkaError) else str(first)
    given = [
        (scope, option) for scope, options in settings.kafka_config.items() for option in options
    ]
    concerned = [each for each in given if each[1] in reason] or given
    names = ", ".join(variable(*each) for each in concerned) or "KAFKA_BROKER"
    values = {option: settings.kafka_config[scope][option] for scope, option in given}
    return f"Bad setting: {names}: librdkafka says: {redacted(reason, values)}."
