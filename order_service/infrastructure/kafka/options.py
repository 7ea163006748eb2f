"""Which KAFKA_ variables are options of librdkafka, and which are slips of the pen.

Other programs' variables begin with KAFKA_ too (KAFKA_HEAP_OPTS, KAFKA_LISTENERS): they are logged
once and not used. A variable that may be meant as an option stops the start: without the option a
client could work in clear text, or trust anybody.
"""

from difflib import get_close_matches
from functools import cache
from typing import Final

import structlog
from confluent_kafka import KafkaException, Producer

from order_service.settings import Settings, SettingsError
from order_service.settings.variables import near

_UNKNOWN: Final = "No such configuration property"
_ALIKE: Final = 0.8
_OF_SECURITY: Final = ("security.", "sasl.", "ssl.", "https.", "enable.")
# To suggest the name that is meant. librdkafka itself says whether a name is an option.
_NAMES: Final = (  # noqa: SIM905 (a list is a page long)
    "acks allow.auto.create.topics api.version.fallback.ms api.version.request "
    "api.version.request.timeout.ms auto.commit.enable auto.commit.interval.ms "
    "auto.offset.reset batch.num.messages batch.size bootstrap.servers broker.address.family "
    "broker.address.ttl broker.version.fallback check.crcs client.dns.lookup client.id "
    "client.rack compression.codec compression.level compression.type connections.max.idle.ms "
    "consume.callback.max.messages coordinator.query.interval.ms debug "
    "delivery.report.only.error delivery.timeout.ms enable.auto.commit enable.auto.offset.store "
    "enable.gapless.guarantee enable.idempotence enable.metrics.push enable.partition.eof "
    "enable.random.seed enable.sasl.oauthbearer.unsecure.jwt "
    "enable.ssl.certificate.verification fetch.error.backoff.ms fetch.max.bytes "
    "fetch.message.max.bytes fetch.min.bytes fetch.queue.backoff.ms fetch.wait.max.ms group.id "
    "group.instance.id group.protocol group.protocol.type group.remote.assignor "
    "heartbeat.interval.ms https.ca.location https.ca.pem internal.termination.signal "
    "isolation.level linger.ms log.connection.close log.queue log.thread.name max.in.flight "
    "max.in.flight.requests.per.connection max.partition.fetch.bytes max.poll.interval.ms "
    "max.poll.records message.copy.max.bytes message.max.bytes message.send.max.retries "
    "message.timeout.ms metadata.broker.list metadata.max.age.ms "
    "metadata.recovery.rebootstrap.trigger.ms metadata.recovery.strategy offset.store.method "
    "offset.store.path offset.store.sync.interval.ms partition.assignment.strategy partitioner "
    "plugin.library.paths produce.offset.report queue.buffering.backpressure.threshold "
    "queue.buffering.max.kbytes queue.buffering.max.messages queue.buffering.max.ms "
    "queued.max.messages.kbytes queued.min.messages queuing.strategy receive.message.max.bytes "
    "reconnect.backoff.jitter.ms reconnect.backoff.max.ms reconnect.backoff.ms "
    "request.required.acks request.timeout.ms retries retry.backoff.max.ms retry.backoff.ms "
    "sasl.kerberos.keytab sasl.kerberos.kinit.cmd sasl.kerberos.min.time.before.relogin "
    "sasl.kerberos.principal sasl.kerberos.service.name sasl.mechanism sasl.mechanisms "
    "sasl.oauthbearer.assertion.algorithm sasl.oauthbearer.assertion.claim.aud "
    "sasl.oauthbearer.assertion.claim.exp.seconds sasl.oauthbearer.assertion.claim.iss "
    "sasl.oauthbearer.assertion.claim.jti.include sasl.oauthbearer.assertion.claim.nbf.seconds "
    "sasl.oauthbearer.assertion.claim.sub sasl.oauthbearer.assertion.file "
    "sasl.oauthbearer.assertion.jwt.template.file sasl.oauthbearer.assertion.private.key.file "
    "sasl.oauthbearer.assertion.private.key.passphrase "
    "sasl.oauthbearer.assertion.private.key.pem sasl.oauthbearer.client.credentials.client.id "
    "sasl.oauthbearer.client.credentials.client.secret sasl.oauthbearer.client.id "
    "sasl.oauthbearer.client.secret sasl.oauthbearer.config sasl.oauthbearer.extensions "
    "sasl.oauthbearer.grant.type sasl.oauthbearer.metadata.authentication.type "
    "sasl.oauthbearer.method sasl.oauthbearer.scope sasl.oauthbearer.sub.claim.name "
    "sasl.oauthbearer.token.endpoint.url sasl.password sasl.username security.protocol "
    "session.timeout.ms share.acknowledgement.mode socket.blocking.max.ms "
    "socket.connection.setup.timeout.ms socket.keepalive.enable socket.max.fails "
    "socket.nagle.disable socket.receive.buffer.bytes socket.send.buffer.bytes "
    "socket.timeout.ms ssl.ca.certificate.stores ssl.ca.location ssl.ca.pem "
    "ssl.certificate.location ssl.certificate.pem ssl.cipher.suites ssl.crl.location "
    "ssl.curves.list ssl.endpoint.identification.algorithm ssl.engine.id ssl.engine.location "
    "ssl.key.location ssl.key.password ssl.key.pem ssl.keystore.location ssl.keystore.password "
    "ssl.providers ssl.sigalgs.list statistics.interval.ms sticky.partitioning.linger.ms "
    "topic.blacklist topic.metadata.propagation.max.ms topic.metadata.refresh.fast.cnt "
    "topic.metadata.refresh.fast.interval.ms topic.metadata.refresh.interval.ms "
    "topic.metadata.refresh.sparse transaction.timeout.ms transactional.id "
).split()

log = structlog.get_logger(__name__)


def variable(scope: str, option: str) -> str:
    """The option's variable: KAFKA_CONSUMER_FETCH_MIN_BYTES for the consumer's fetch.min.bytes."""
    prefix = "KAFKA_" if scope == "common" else f"KAFKA_{scope.upper()}_"
    return prefix + option.upper().replace(".", "_")


@cache
def is_used(scope: str, option: str) -> bool:
    """False for another program's variable, which the first call logs.

    Raises SettingsError for a slip of the pen.
    """
    if _is_option(option):
        return True
    name = variable(scope, option)
    meant = get_close_matches(option, _NAMES, n=1, cutoff=_ALIKE)
    if meant or scope != "common" or option.startswith(_OF_SECURITY):
        remedy = f"Is {variable(scope, meant[0])} meant?" if meant else "Leave it out."
        raise SettingsError(
            f'Bad setting: {name}: librdkafka says: {_UNKNOWN}: "{option}". {remedy}'
        )
    log.warning("variable_is_no_setting", name=name, meant=near(name, Settings.names()))
    return False


def _is_option(option: str) -> bool:
    if option in _NAMES:
        return True
    try:
        Producer({"log_level": 0, option: ""})
    except KafkaException as error:
        return _UNKNOWN not in str(error)
    except (TypeError, ValueError, AttributeError):
        # An option of the binding's own, whose value is no text.
        return True
    return True
