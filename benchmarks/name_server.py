"""A name server of a benchmark's own, which can fail as name servers do."""

import asyncio
import socket
from collections.abc import Mapping
from contextlib import suppress
from enum import StrEnum
from ipaddress import IPv4Address
from pathlib import Path
from typing import Final, Self, cast

from benchmarks.mounts import own_mounts, put_in_place

ADDRESS: Final = "127.0.0.53"
RESOLV_CONF: Final = Path("/etc/resolv.conf")

HEAD: Final = 12
"""Bytes of the head of a message (RFC 1035, 4.1.1)."""

TYPE_A: Final = 1
RESPONSE: Final = 0x8180
"""The flags of a recursive answer without an error."""

SERVFAIL: Final = 2
NXDOMAIN: Final = 3


class Failing(StrEnum):
    """How a name server fails."""

    SILENT = "silent"
    SERVFAIL = "servfail"
    NXDOMAIN = "nxdomain"


class NameServer(asyncio.DatagramProtocol):
    """Answers for `names` unless it is `failing`; of all others it says that there are none."""

    def __init__(self, names: Mapping[str, str]) -> None:
        self.failing: Failing | None = None
        self._names = names
        self._transport: asyncio.DatagramTransport | None = None

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        await loop.create_datagram_endpoint(lambda: self, (ADDRESS, socket.getservbyname("domain")))
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep what answers are sent by."""
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Answer a question."""
        if self.failing is not Failing.SILENT and self._transport is not None:
            with suppress(ValueError, IndexError):
                self._transport.sendto(self._answer(data), addr)

    def _answer(self, asked: bytes) -> bytes:
        labels, at = [], HEAD
        while length := asked[at]:
            labels.append(asked[at + 1 : at + 1 + length].decode("ascii").lower())
            at += 1 + length
        question = asked[HEAD : at + 5]
        kind = int.from_bytes(asked[at + 1 : at + 3], "big")
        address = self._names.get(".".join(labels))
        error = NXDOMAIN if address is None else 0
        if self.failing is not None:
            error = SERVFAIL if self.failing is Failing.SERVFAIL else NXDOMAIN
        record = b""
        if not error and kind == TYPE_A and address is not None:
            # The name as a pointer to the question, class IN, no time to live (RFC 1035, 4.1.3).
            fixed = bytes.fromhex("c00c 0001 0001 00000000 0004")
            record = fixed + IPv4Address(address).packed
        counts = (1, 1 if record else 0, 0, 0)
        head = asked[:2] + (RESPONSE | error).to_bytes(2, "big")
        return head + b"".join(n.to_bytes(2, "big") for n in counts) + question + record


def ask_there(scratch: Path) -> None:
    """Have this process and its children ask the name server of this module alone."""
    own_mounts()
    conf = scratch / "resolv.conf"
    conf.write_text(f"nameserver {ADDRESS}\noptions timeout:2 attempts:2\n")
    put_in_place(conf, RESOLV_CONF)
