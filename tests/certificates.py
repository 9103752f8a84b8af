"""A certificate authority of a test's own."""

import asyncio
import ssl
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID


@dataclass(frozen=True)
class Authority:
    """Certificates of a certificate authority, in the folder `folder`."""

    folder: Path
    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @classmethod
    def new(cls, folder: Path) -> "Authority":
        """An authority that nobody knew before; its certificate is in `ca.pem`."""
        folder.mkdir()
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = _certificate("authority", key, key, "authority", is_authority=True)
        (folder / "ca.pem").write_bytes(certificate.public_bytes(Encoding.PEM))
        return cls(folder, key, certificate)

    def issue(self, name: str, *, expired: bool = False) -> tuple[Path, Path]:
        """The files of a certificate for `name` and 127.0.0.1, and of its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = _certificate(
            name, key, self.key, "authority", is_authority=False, expired=expired
        )
        files = self.folder / f"{name}.pem", self.folder / f"{name}.key"
        files[0].write_bytes(certificate.public_bytes(Encoding.PEM))
        files[1].write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        return files


def _certificate(
    name: str,
    key: ec.EllipticCurvePrivateKey,
    issuer_key: ec.EllipticCurvePrivateKey,
    issuer: str,
    *,
    is_authority: bool,
    expired: bool = False,
) -> x509.Certificate:
    now = datetime.now(UTC)
    usages = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=2))
        .not_valid_after(now + timedelta(hours=-1 if expired else 1))
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
    )
    if not is_authority:
        names = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
        builder = builder.add_extension(names, critical=False)
        builder = builder.add_extension(x509.ExtendedKeyUsage(usages), critical=False)
    return builder.sign(issuer_key, hashes.SHA256())


class TlsFront:
    """Serves a port of this machine over TLS, to holders of a certificate if it is `mutual`.

    It is reached at `address`, and its certificate is one of `authority`.
    """

    def __init__(self, target: str, authority: Authority, *, mutual: bool = False) -> None:
        self._target = target
        self._authority = authority
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.set_alpn_protocols(["h2"] if mutual else ["http/1.1"])
        # A session that is resumed checks no certificate; a server that was restarted knows none.
        self._context.options |= ssl.OP_NO_TICKET
        self._context.num_tickets = 0
        if mutual:
            self._context.load_verify_locations(authority.folder / "ca.pem")
            self._context.verify_mode = ssl.CERT_REQUIRED
        self._forwarding: set[asyncio.Task[None]] = set()
        self._connections: set[asyncio.StreamWriter] = set()
        self.address = ""

    async def __aenter__(self) -> Self:
        await self.use(expired=False)
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0, ssl=self._context)
        self.address = f"127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        await self._break_off()

    async def use(self, *, expired: bool) -> None:
        """Show another certificate from now on, and break off who was shown the one before."""
        self._context.load_cert_chain(*self._authority.issue("server", expired=expired))
        await self._break_off()

    async def _break_off(self) -> None:
        for writer in self._connections:
            writer.transport.abort()
        await asyncio.gather(*self._forwarding, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        host, _, port = self._target.rpartition(":")
        their_reader, their_writer = await asyncio.open_connection(host, int(port))
        ends = {writer, their_writer}
        self._connections |= ends
        for work in (_forward(reader, their_writer), _forward(their_reader, writer)):
            task = asyncio.create_task(work)
            self._forwarding.add(task)
            task.add_done_callback(self._forwarding.discard)
            task.add_done_callback(lambda _: self._connections.difference_update(ends))


async def _forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        with suppress(ConnectionError, ssl.SSLError):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
    finally:
        writer.close()
