"""Which IP addresses are public.

The tables are IANA's special-purpose address registries (RFC 6890), written out: `ipaddress` knows
other ones in each version of Python, and calls 224.0.0.1, 2002:7f00:1::, 64:ff9b::7f00:1,
::127.0.0.1, 192.88.99.1 and fec0::1 global.
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
    """What an address is for (the special-purpose registries of RFC 6890)."""

    PUBLIC = "public"
    LOOPBACK = "loopback"
    PRIVATE = "private"
    LINK_LOCAL = "link_local"  # with it the metadata services of clouds, 169.254.169.254
    MULTICAST = "multicast"
    RESERVED = "reserved"  # unspecified, for documentation, for measuring, or for nothing yet
    TRANSLATED = "translated"  # carries an IPv4 address to be unwrapped on the way


_IPV4: Final[dict[IPv4Network, AddressKind]] = {
    IPv4Network(network): kind
    for kind, networks in {
        AddressKind.LOOPBACK: "127.0.0.0/8",
        # 100.64.0.0/10 is shared by a provider's customers (RFC 6598).
        AddressKind.PRIVATE: "10.0.0.0/8 172.16.0.0/12 192.168.0.0/16 100.64.0.0/10",
        # 168.63.129.16 is a public address that serves the virtual machines of one cloud.
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
"""The first network that holds an address tells its kind."""

_GLOBAL_UNICAST: Final = IPv6Network("2000::/3")
"""All that IANA has handed out of IPv6; the rest is reserved."""


def classify(address: Address) -> AddressKind:
    """The kind of `address`; an IPv4 address mapped into IPv6 is what it is as IPv4."""
    if isinstance(address, IPv4Address):
        return next((kind for net, kind in _IPV4.items() if address in net), AddressKind.PUBLIC)
    if address.ipv4_mapped is not None:
        return classify(address.ipv4_mapped)
    unnamed = AddressKind.PUBLIC if address in _GLOBAL_UNICAST else AddressKind.RESERVED
    return next((kind for net, kind in _IPV6.items() if address in net), unnamed)


def is_public(address: Address) -> bool:
    """Whether anyone on the internet can reach `address`."""
    return classify(address) is AddressKind.PUBLIC


def literal_address(host: str) -> Address | None:
    """The address that a normalised host is; None when it is a name to be resolved.

    An IPv6 address may have its brackets, as in a URL, or not, as in a socket address.
    """
    try:
        return ip_address(host.removeprefix("[").removesuffix("]"))
    except ValueError:
        return None
