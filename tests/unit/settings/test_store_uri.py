"""Which options of MONGO_URI stop the start."""

import pytest
from pymongo import common

from order_service.settings import Settings, SettingsError
from order_service.settings.store_uri import OURS

# Where the servers are, who we are, whom to trust, and how the driver goes about it.
OPERATORS = {
    "appname",
    "authmechanism",
    "authmechanismproperties",
    "authsource",
    "compressors",
    "connect",
    "connecttimeoutms",
    "driver",
    "enableoverloadretargeting",
    "heartbeatfrequencyms",
    "loadbalanced",
    "localthresholdms",
    "maxadaptiveretries",
    "maxconnecting",
    "maxidletimems",
    "minpoolsize",
    "replicaset",
    "server_api",
    "servermonitoringmode",
    "srvallowedhostssuffix",
    "srvmaxhosts",
    "srvservicename",
    "ssl",
    "tls",
    "tlsallowinvalidcertificates",
    "tlsallowinvalidhostnames",
    "tlscafile",
    "tlscertificatekeyfile",
    "tlscertificatekeyfilepassword",
    "tlscrlfile",
    "tlsdisableocspendpointcheck",
    "tlsinsecure",
    "waitqueuemultiple",
    "zlibcompressionlevel",
}
SECRET = "s3cr3t"


def load(options: str) -> Settings:
    return Settings.load({"MONGO_URI": f"mongodb://shop:{SECRET}@host.example/orders?{options}"})


def test_every_option_that_the_driver_knows_is_the_services_or_the_operators() -> None:
    assert OURS.keys() | OPERATORS == common.URI_OPTIONS_VALIDATOR_MAP.keys()
    assert not OURS.keys() & OPERATORS


FORBIDDEN = [
    "readPreference=secondaryPreferred",
    "readPreference=nearest",
    "ReadPreference=Secondary",
    "readpreference=primaryPreferred",
    "readPreferenceTags=dc:east",
    "maxStalenessSeconds=120",
    "readConcernLevel=local",
    "readConcernLevel=available",
    "directConnection=true",
    "w=1",
    "w=0",
    "w=2",
    "%77=1",
    "journal=false",
    "fsync=true",
    "retryWrites=false",
    "retryReads=false",
    "timeoutMS=50",
    "serverSelectionTimeoutMS=50",
    "socketTimeoutMS=50",
    "wTimeoutMS=50",
    "waitQueueTimeoutMS=50",
    "maxPoolSize=1",
    "uuidRepresentation=pythonLegacy",
    "tz_aware=false",
    "datetime_conversion=DATETIME_MS",
    "unicode_decode_error_handler=ignore",
]


@pytest.mark.parametrize("option", FORBIDDEN)
@pytest.mark.parametrize("around", ["{}", "tls=true&{}", "tls=true;{}", "{}&tls=true"])
def test_an_option_of_mongo_uri_that_undoes_a_promise_stops_the_start(
    option: str, around: str
) -> None:
    with pytest.raises(SettingsError) as stopped:
        load(around.format(option))
    line = str(stopped.value)
    assert line.startswith("Bad setting: MONGO_URI: its option ")
    assert line.endswith("See .env.example.")
    assert "\n" not in line
    assert SECRET not in line
    assert "host.example" not in line


@pytest.mark.parametrize("name", OURS)
def test_every_option_of_mongo_uri_that_is_the_services_can_stop_the_start(name: str) -> None:
    with pytest.raises(SettingsError, match=name):
        load(f"{name}=something-else")


@pytest.mark.parametrize(
    "options",
    [
        "retryWrites=true&w=majority&appName=Cluster0",
        "replicaSet=rs0&authSource=admin&authMechanism=SCRAM-SHA-256",
        "readPreference=primary&readConcernLevel=majority&journal=true&retryReads=true",
        "directConnection=false&tls=true&tlsInsecure=true&compressors=zlib&maxIdleTimeMS=60000",
        "connectTimeoutMS=2000&heartbeatFrequencyMS=1000&minPoolSize=1&uuidRepresentation=standard",
    ],
)
def test_an_option_of_mongo_uri_that_repeats_ours_or_is_the_operators_is_kept(options: str) -> None:
    assert load(options).mongo_uri.endswith(options)
