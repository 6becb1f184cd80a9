"""Names and addresses of hosts: which of them are this machine, and only this machine."""

import ipaddress
from urllib.parse import urlsplit

LOOPBACK_NAMES = frozenset({"127.0.0.1", "localhost", "::1"})
"""What a browser on this machine calls it; no name that somebody else's DNS could answer."""


def hostname(authority: str) -> str | None:
    """The host of a `Host` header or of an origin's authority, in small letters.

    Args:
        authority: `localhost:8000`, `[::1]:8000`, `captcha.example`.

    Returns:
        Without port and brackets; None where it is none.
    """
    try:
        return urlsplit(f"//{authority}").hostname
    except ValueError:
        return None


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches a server there.

    Args:
        host: An address or a name, without a port.
    """
    if host.lower() == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (mapped or address).is_loopback
