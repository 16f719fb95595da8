"""From where this server can be reached: from this machine only, or from others too."""

from __future__ import annotations

import ipaddress

import psutil


def is_loopback(address: str) -> bool:
    """True for an address or a host name of this machine that other machines cannot reach."""
    if address == "localhost":
        return True
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(found, "ipv4_mapped", None)
    return (mapped or found).is_loopback


def listens_beyond(port: int) -> bool:
    """True if this process listens on this port for other machines too, or if that cannot be found out."""
    try:
        found = psutil.Process().net_connections(kind="tcp")
    except (psutil.Error, OSError):
        return True
    listening = [each.laddr.ip for each in found if each.status == psutil.CONN_LISTEN and each.laddr.port == port]
    return not listening or not all(map(is_loopback, listening))
