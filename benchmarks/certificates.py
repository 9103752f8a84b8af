"""What happens when a certificate expires, and whether anything is lost.

Run by hand, as root: `.venv/bin/python -m benchmarks.certificates temporal|site [--pages 60]
[--seconds 20]`. Under load (`benchmarks.fault`) a server shows an expired certificate for so many
seconds, and then a new one. Nobody restarts anything.

`temporal` is a Temporal server of its own, which worker and API reach over mutual TLS. `site` are
a watched site, a webhook and a mail server at once. The processes trust the benchmark's own
authority, in a namespace of mounts.
"""

import argparse
import asyncio
import json
import os
import ssl
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from benchmarks.fault import AFTER, Bench, bench
from benchmarks.mounts import own_mounts, put_in_place
from benchmarks.system import free_ports
from cli.embedded import EmbeddedTemporal
from tests.certificates import Authority, TlsFront
from tests.eventually import eventually
from tests.mailbox import Mailbox

AUTHORITIES: Final = Path("/etc/ssl/certs")
"""Where Debian's OpenSSL finds the authorities that it trusts, by the hashes of their names."""

ROOT: Final = Path(__file__).parents[1]


def trust(authority: Authority, scratch: Path) -> None:
    """Have this process and its children trust that authority alone."""
    own_mounts()
    trusted = scratch / "trusted"
    trusted.mkdir()
    (trusted / "ca.pem").write_bytes((authority.folder / "ca.pem").read_bytes())
    subprocess.run(["openssl", "rehash", str(trusted)], check=True)
    put_in_place(trusted, AUTHORITIES)
    os.environ["SSL_CERT_FILE"] = str(trusted / "ca.pem")


@asynccontextmanager
async def expired(watching: Bench, fronts: list[TlsFront], said: list[Any]) -> AsyncIterator[None]:
    """The certificates of `fronts` are expired inside of the block; at its end `said` is what the
    system says of it.
    """
    for front in fronts:
        await front.use(expired=True)
    try:
        yield
        said.append(await reports(watching))
    finally:
        for front in fronts:
            await front.use(expired=False)


async def reports(watching: Bench) -> dict[str, object]:
    """What `/readyz`, `diffy doctor`, the jobs, the channels and the pages say."""
    ready = await asyncio.to_thread(watching.diffy.ready)
    doctor = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "cli.main", "doctor"),
        cwd=ROOT,
        env=watching.diffy.environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    told, _ = await doctor.communicate()
    jobs = await watching.client.ask("GET", "/api/jobs?limit=100")
    channels = await watching.client.ask("GET", "/api/channels")
    health = await watching.client.ask("GET", "/api/health/watching")
    return {
        "/readyz": {
            each["name"]: each["detail"] for each in ready["checks"] if each["status"] != "ok"
        },
        "diffy doctor": [line for line in told.decode().splitlines() if "Temporal" in line],
        "reasons of jobs": Counter(each["failedReason"] for each in jobs.data or ()),
        "answers of channels": [each["lastAnswer"] for each in channels.data or ()],
        "pages that fail": (health.data or {}).get("failing", {}).get("total"),
    }


async def of_temporal(scratch: Path, authority: Authority, given: Any) -> dict[str, Any]:
    """The figures for the certificate of Temporal."""
    [port] = free_ports(1)
    server = EmbeddedTemporal(
        database=scratch / "temporal.db", port=port, ui_port=None, log=scratch / "temporal.log"
    )
    await server.start()
    certificate, key = authority.issue("client")
    said: list[Any] = []
    try:
        async with TlsFront(server.address, authority, mutual=True) as front:
            chosen = {
                "TEMPORAL_ADDRESS": front.address,
                "TEMPORAL_TLS": "true",
                "TEMPORAL_TLS_SERVER_CA_CERT_PATH": str(authority.folder / "ca.pem"),
                "TEMPORAL_TLS_CLIENT_CERT_PATH": str(certificate),
                "TEMPORAL_TLS_CLIENT_KEY_PATH": str(key),
            }
            async with bench(scratch / "data", **chosen) as watching:
                await watching.prepare(given.pages)
                fault = expired(watching, [front], said)
                return {"said": said, **await watching.under(fault, given.seconds)}
    finally:
        await server.stop()


async def of_sites(scratch: Path, authority: Authority, given: Any) -> dict[str, Any]:
    """The figures for the certificates of a site, a webhook and a mail server."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(*authority.issue("mail"))
    said: list[Any] = []
    async with Mailbox(tls) as mailbox:
        chosen = {
            "DIFFY_SMTP_HOST": "127.0.0.1",
            "DIFFY_SMTP_PORT": str(mailbox.port),
            "DIFFY_SMTP_TLS": "tls",
            "DIFFY_SMTP_FROM": "diffy@diffy.example",
        }
        async with bench(scratch / "data", **chosen) as watching:
            site = watching.site.origin.removeprefix("http://")
            hook = watching.receiver.url("").removeprefix("http://")
            async with TlsFront(site, authority) as front, TlsFront(hook, authority) as hooks:
                await watching.prepare(
                    given.pages, f"https://{front.address}", f"https://{hooks.address}/hook"
                )
                mail = {"kind": "email", "name": "mail", "to": ["a@diffy.example"]}
                await watching.client.alert(mail)
                faulty = expired(watching, [front, hooks], said)
                async with mail_expired(tls, authority):
                    figures = await watching.under(faulty, given.seconds)
                    said.append(await reports(watching))

                # As a person would: a channel that failed for long is tried again after minutes.
                for each in await watching.client.every("/api/channels"):
                    path = f"/api/channels/{each['id']}"
                    await watching.client.insist("PATCH", path, {"state": "active"})

                async def mails() -> int:
                    return sum(AFTER in str(each) for each in mailbox.mails)

                await eventually(mails, lambda count: count >= given.pages)
                return {"said": said, **figures, "mails": await mails()}


@asynccontextmanager
async def mail_expired(tls: ssl.SSLContext, authority: Authority) -> AsyncIterator[None]:
    """The certificate of the mail server is expired inside of the block."""
    tls.load_cert_chain(*authority.issue("mail", expired=True))
    try:
        yield
    finally:
        tls.load_cert_chain(*authority.issue("mail"))


async def measured(given: argparse.Namespace, scratch: Path) -> dict[str, Any]:
    """The figures, and what is wrong."""
    authority = Authority.new(scratch / "authority")
    trust(authority, scratch)
    measure = of_temporal if given.whose == "temporal" else of_sites
    return await measure(scratch, authority, given)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("whose", choices=["temporal", "site"])
    parser.add_argument("--pages", type=int, default=60)
    parser.add_argument("--seconds", type=float, default=20.0)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        print(json.dumps(asyncio.run(measured(given, Path(scratch))), indent=2))


if __name__ == "__main__":
    main()
