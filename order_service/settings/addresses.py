"""The address to listen on: HOST."""

import re
import socket
from ipaddress import ip_address

from order_service.settings.errors import SettingsError


def written(host: str) -> str:
    """The host as it is kept: ``[::1]`` as ``::1``. Raises ValueError unless address or name."""
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    if "%" in bare:
        raise ValueError("names a zone behind %, which can't be listened on: leave the zone out")
    if ":" in bare:
        try:
            ip_address(bare)
        except ValueError:
            raise ValueError("is no IP address (the port goes into PORT)") from None
    elif not re.fullmatch(r"[A-Za-z0-9._-]{1,253}", bare):
        raise ValueError("is neither an IP address nor a host's name")
    return bare


def is_loopback(host: str) -> bool:
    """Asks no name server: the only name that counts as loopback is localhost."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def in_url(host: str) -> str:
    """The host, with the brackets that an IPv6 address needs before a port."""
    return f"[{host}]" if ":" in host else host


def bound(host: str) -> str:
    """The address that a server binds for the host, as a URL has it: for a name with both the IPv4.

    Raises SettingsError when the host is no address of this machine.
    """
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, *_, address = min(found, key=lambda each: each[0] != socket.AF_INET)
        with socket.socket(family, socket.SOCK_STREAM) as tried:
            tried.bind((address[0], 0))
    except (OSError, UnicodeError) as error:
        cause = getattr(error, "strerror", None) or "there is no such name"
        raise SettingsError(
            f"Bad setting: HOST: {host} is no address of this machine ({cause}). Name one, or "
            "0.0.0.0 or :: for all of them."
        ) from None
    return in_url(str(address[0]))
