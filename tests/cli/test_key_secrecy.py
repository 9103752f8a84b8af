"""Keys that clients send, wherever they put them, are written down nowhere."""

import hashlib
import json
import signal
import sqlite3
from contextlib import closing
from pathlib import Path

import httpx2

from cli.embedded import EmbeddedTemporal
from cli.keys import create, listed, revoke
from core.settings import Settings
from tests.api.served import Served
from tests.api.test_limits import request
from tests.cli.command import DIFFY
from tests.cli.running import Client, command, stopped
from tests.ports import free_port

LONGEST_PART = len("diffy_") + 4
"""Characters: all keys begin alike, and no log may tell more than that."""


async def ask_in_every_way(client: httpx2.AsyncClient, served: Served, key: str) -> None:
    """Requests that carry `key` where it belongs, and where people put it by mistake."""
    for path in ("/api/jobs", "/api/domains", "/api/nowhere", "/health"):
        await client.get(path, headers={"Authorization": f"Bearer {key}"})
        await client.get(path, headers={"Authorization": key})
        await client.get(path, headers={"X-Api-Key": key, "Cookie": f"key={key}"})
        await client.get(f"{path}/{key}")
        await client.get(f"{path}?api_key={key}&Authorization=Bearer%20{key}")
    for field in ("limit", "status", "domainId", "cursor"):
        await client.get(f"/api/jobs?{field}={key}", headers={"Authorization": f"Bearer {key}"})
    for body in ({"displayName": key}, {key: key}, key):
        await client.post("/api/domains", json=body, headers={"Authorization": f"Bearer {key}"})
    for broken in (
        request("GET /api/jobs", None, f"Authorization: Bearer {key}\x00"),
        request(f"GET /api/jobs?api_key={key}", None, "Content-Length: x"),
        request("GET /api/jobs", None, f"Authorization: Bearer {key}", "Upgrade: websocket"),
        request("GET /api/jobs", None, f"Authorization: Bearer {key}", "X: " + "y" * 100_000),
    ):
        async with served.connection() as line:
            line.send(broken)
            await line.answer()


async def test_no_key_is_written_to_any_output_or_log(
    temporal: EmbeddedTemporal, tmp_path: Path
) -> None:
    data_dir, port = tmp_path / "data", free_port()
    data_dir.mkdir()
    settings = Settings(data_dir=data_dir)
    good, revoked = [(await create(settings, "acme")) for _ in range(2)]
    await revoke(settings, revoked.id)
    bootstrap = "bootstrap-key-0123456789-abcdef"
    keys = [good.key, revoked.key, bootstrap, "diffy_unknown0123456789abcdef"]
    serving = command(
        *DIFFY,
        "api",
        data_dir=data_dir,
        DIFFY_API_PORT=str(port),
        DIFFY_BOOTSTRAP_API_KEY=bootstrap,
        DIFFY_LOG_LEVEL="debug",
        TEMPORAL_ADDRESS=temporal.address,
    )
    served = Served(port)
    async with serving as (process, errors), Client(served.origin, good.key) as client:
        await client.data("/api/jobs/stats")
        async with httpx2.AsyncClient(base_url=served.origin) as stranger:
            for key in keys:
                await ask_in_every_way(stranger, served, key)
            await client.ask("/api/domains", domain="competitor.com")
            for table in ("domains", "organisations"):  # from here on it fails by itself
                with closing(sqlite3.connect(data_dir / "diffy.db")) as database:
                    database.execute(f"UPDATE {table} SET created_at = 'never'")
                    database.commit()
                answer = await client.get(f"/api/domains?api_key={good.key}")
                assert answer.status_code == 500
            for key in keys:
                await ask_in_every_way(stranger, served, key)
        assert await stopped(process, signal.SIGTERM) == 0
        assert process.stdout is not None
        printed = (await process.stdout.read()).decode()
    written = printed + errors.read_text()
    assert "Traceback" in written
    lines = [json.loads(line) for line in errors.read_text().splitlines()]
    assert {line["process"] for line in lines} == {"api"}
    assert {"api.errors", "api.request_ids"} <= {line["logger"] for line in lines}
    for path in data_dir.rglob("*"):
        if path.is_file():
            written += path.read_bytes().decode("latin-1")
    with closing(sqlite3.connect(data_dir / "diffy.db")) as database:
        database.execute("UPDATE organisations SET created_at = '2026-01-01'")
        database.commit()
    written += "".join(f"{row.id} {row.org_name}" for row in await listed(settings))
    for key in keys:
        assert key[:LONGEST_PART] not in written
        assert key[-LONGEST_PART:] not in written
    for key in keys:
        assert hashlib.sha256(key.encode()).hexdigest() not in printed + errors.read_text()
