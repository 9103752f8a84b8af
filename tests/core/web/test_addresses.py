"""Classification of IP addresses."""

from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.web.addresses import AddressKind, classify, is_public, literal_address

KINDS = {
    AddressKind.PUBLIC: "1.1.1.1 8.8.8.8 93.184.215.14 172.32.0.1 172.15.255.255 100.63.255.255"
    " 100.128.0.1 169.253.0.1 223.255.255.255 192.0.1.1 2606:4700:4700::1111 2a00:1450::1"
    " 2001:4860:4860::8888 ::ffff:8.8.8.8",
    AddressKind.LOOPBACK: "127.0.0.1 127.255.255.254 ::1 ::ffff:127.0.0.1",
    AddressKind.PRIVATE: "10.0.0.1 172.16.0.1 172.31.255.255 192.168.1.1 100.64.0.1 100.100.100.200"
    " fc00::1 fd00:ec2::254 fec0::1 ::ffff:10.0.0.1",
    AddressKind.LINK_LOCAL: "169.254.169.254 168.63.129.16 fe80::1 ::ffff:169.254.169.254",
    AddressKind.MULTICAST: "224.0.0.1 239.255.255.255 ff02::1 ff0e::1",
    AddressKind.RESERVED: "0.0.0.0 0.1.2.3 240.0.0.1 255.255.255.255 192.0.0.192 192.0.2.1"
    " 198.18.0.1 198.51.100.1 203.0.113.1 192.88.99.1 :: 2001:db8::1 2001:10::1 3fff::1 100::1"
    " 5f00::1 4000::1 e000::1",
    AddressKind.TRANSLATED: "64:ff9b::7f00:1 64:ff9b::808:808 64:ff9b:1::a00:1 2002:7f00:1::"
    " 2002:808:808::1 2001:0:4136:e378::1 ::127.0.0.1 ::8.8.8.8 ::ffff:0:127.0.0.1",
}


@pytest.mark.parametrize(
    ("address", "kind"),
    [(address, kind) for kind, addresses in KINDS.items() for address in addresses.split()],
)
def test_kind(address: str, kind: AddressKind) -> None:
    assert classify(ip_address(address)) is kind
    assert is_public(ip_address(address)) is (kind is AddressKind.PUBLIC)


def test_a_scope_does_not_hide_an_address() -> None:
    assert classify(IPv6Address("fe80::1%eth0")) is AddressKind.LINK_LOCAL


@given(st.ip_addresses(v=4))
def test_no_ipv4_address_is_public_that_python_knows_better(address: IPv4Address) -> None:
    assert not is_public(address) or (address.is_global and not address.is_multicast)


@given(st.ip_addresses(v=6))
def test_no_ipv6_address_is_public_that_python_knows_better(address: IPv6Address) -> None:
    if address.ipv4_mapped is None:
        assert not is_public(address) or (address.is_global and not address.is_multicast)


@given(st.ip_addresses(v=4))
def test_a_mapped_address_is_what_it_maps(address: IPv4Address) -> None:
    assert classify(IPv6Address(f"::ffff:{address}")) is classify(address)


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("[::1]", "::1"),
        ("::1", "::1"),
        ("[2606:4700::1]", "2606:4700::1"),
    ],
)
def test_a_literal_address(host: str, address: str) -> None:
    assert literal_address(host) == ip_address(address)


@pytest.mark.parametrize("host", ["competitor.com", "localhost", "", "1.2.3", "0177.0.0.1", "[]"])
def test_a_name_is_no_address(host: str) -> None:
    assert literal_address(host) is None
