"""Classification of IP addresses by IANA's special-purpose address registries (RFC 6890).

The tables are written out because those of `ipaddress` differ between versions of Python, and call
224.0.0.1, 2002:7f00:1::, 64:ff9b::7f00:1, ::127.0.0.1, 192.88.99.1 and fec0::1 global.
"""

from enum import StrEnum
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
)
from typing import Final

Address = IPv4Address | IPv6Address


class AddressKind(StrEnum):
    """The purpose of an address (RFC 6890)."""

    PUBLIC = "public"
    LOOPBACK = "loopback"
    PRIVATE = "private"
    LINK_LOCAL = "link_local"  # includes the metadata services of clouds, 169.254.169.254
    MULTICAST = "multicast"
    RESERVED = "reserved"  # unspecified, documentation, benchmarking, or unassigned
    TRANSLATED = "translated"  # an IPv6 address that contains an IPv4 address


_IPV4: Final[dict[IPv4Network, AddressKind]] = {
    IPv4Network(network): kind
    for kind, networks in {
        AddressKind.LOOPBACK: "127.0.0.0/8",
        # 100.64.0.0/10 is the shared address space of providers (RFC 6598).
        AddressKind.PRIVATE: "10.0.0.0/8 172.16.0.0/12 192.168.0.0/16 100.64.0.0/10",
        # 168.63.129.16 is a public address, but one cloud's metadata service answers at it.
        AddressKind.LINK_LOCAL: "169.254.0.0/16 168.63.129.16/32",
        AddressKind.MULTICAST: "224.0.0.0/4",
        AddressKind.RESERVED: "0.0.0.0/8 192.0.0.0/24 192.0.2.0/24 192.88.99.0/24 198.18.0.0/15"
        " 198.51.100.0/24 203.0.113.0/24 240.0.0.0/4",
    }.items()
    for network in networks.split()
}

_IPV6: Final[dict[IPv6Network, AddressKind]] = {
    IPv6Network(network): kind
    for network, kind in {
        "::1/128": AddressKind.LOOPBACK,
        "::/128": AddressKind.RESERVED,
        "::/96": AddressKind.TRANSLATED,  # IPv4-compatible, RFC 4291, 2.5.5.1
        "::ffff:0:0:0/96": AddressKind.TRANSLATED,  # IPv4-translated, RFC 2765
        "64:ff9b::/96": AddressKind.TRANSLATED,  # NAT64, RFC 6052
        "64:ff9b:1::/48": AddressKind.TRANSLATED,  # local-use NAT64, RFC 8215
        "2001::/32": AddressKind.TRANSLATED,  # Teredo, RFC 4380
        "2002::/16": AddressKind.TRANSLATED,  # 6to4, RFC 3056
        "2001::/23": AddressKind.RESERVED,  # protocol assignments, RFC 2928
        "2001:db8::/32": AddressKind.RESERVED,  # documentation, RFC 3849
        "3fff::/20": AddressKind.RESERVED,  # documentation, RFC 9637
        "fc00::/7": AddressKind.PRIVATE,
        "fec0::/10": AddressKind.PRIVATE,  # site-local, RFC 3879
        "fe80::/10": AddressKind.LINK_LOCAL,
        "ff00::/8": AddressKind.MULTICAST,
    }.items()
}
"""The first network that contains an address decides."""

_GLOBAL_UNICAST: Final = IPv6Network("2000::/3")
"""The IPv6 addresses that IANA has allocated; all others are reserved."""


def classify(address: Address) -> AddressKind:
    """The kind of `address`; an IPv4-mapped IPv6 address has the kind of its IPv4 address."""
    if isinstance(address, IPv4Address):
        return next((kind for net, kind in _IPV4.items() if address in net), AddressKind.PUBLIC)
    if address.ipv4_mapped is not None:
        return classify(address.ipv4_mapped)
    unnamed = AddressKind.PUBLIC if address in _GLOBAL_UNICAST else AddressKind.RESERVED
    return next((kind for net, kind in _IPV6.items() if address in net), unnamed)


def is_public(address: Address) -> bool:
    """Whether `address` is reachable from the whole internet."""
    return classify(address) is AddressKind.PUBLIC


def literal_address(host: str) -> Address | None:
    """The IP address that a normalised host stands for; None if the host is a name.

    An IPv6 address may have brackets, as in a URL, or none, as in a socket address.
    """
    try:
        return ip_address(host.removeprefix("[").removesuffix("]"))
    except ValueError:
        return None
