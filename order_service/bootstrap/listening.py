"""Who can reach the addresses that gunicorn listens on: its command line overrides HOST."""

from collections.abc import Iterable
from ipaddress import IPv6Address, ip_address
from typing import Any

from order_service.settings import Settings, SettingsError


def beyond_loopback(addresses: Iterable[Any]) -> list[str]:
    """The TCP hosts beyond loopback. A Unix socket is open to this machine only, to whoever its
    file's rights allow.

    ``addresses``: as a socket has them. Names are left out: a name's address is seen once bound.
    """
    hosts = [each[0] for each in addresses if isinstance(each, tuple)]
    return [host for host in hosts if not _is_local(host)]


def require_guard(settings: Settings, hosts: Iterable[str]) -> None:
    """Raises SettingsError when anybody who reaches one of the hosts could order."""
    for host in hosts:
        if not (settings.has_issuer or settings.auth_disabled):
            raise SettingsError(
                f"gunicorn is told to listen on {host}, and anybody who reaches it could order: no "
                "issuer is configured. Set AUTH_JWKS_URL, AUTH_DISABLED=true if that is meant, or "
                "bind 127.0.0.1."
            )


def _is_local(host: str) -> bool:
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return bool(host)
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return (mapped or address).is_loopback
