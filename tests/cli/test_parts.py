"""`diffy api` and `python worker.py`, each alone, on a Temporal server that somebody else runs."""

import asyncio
import signal
import sys
from pathlib import Path

from cli.embedded import EmbeddedTemporal
from tests.cli.command import DIFFY, diffy
from tests.cli.running import Client, command, stopped
from tests.ports import free_port
from tests.site import FakeSite


async def test_the_api_and_a_worker_run_alone_and_drain_when_they_are_told_to_stop(
    temporal: EmbeddedTemporal, site: FakeSite, tmp_path: Path
) -> None:
    site.page("/", "<p>Pro costs $99 a month.</p>")
    data_dir, port = tmp_path / "data", str(free_port())
    shared = {"TEMPORAL_ADDRESS": temporal.address, "DIFFY_HOST_RPS": "1000"}
    made = await asyncio.to_thread(diffy, "keys", "create", "--org", "alone", data_dir=data_dir)
    serving = command(*DIFFY, "api", data_dir=data_dir, DIFFY_API_PORT=port, **shared)
    client = Client(f"http://127.0.0.1:{port}", made.stdout.strip())
    async with serving as (api, errors), client:
        await client.data("/api/jobs/stats")
        domain = await client.ask("/api/domains", domain=site.origin)
        async with command(sys.executable, "worker.py", data_dir=data_dir, **shared) as (worker, _):
            await client.finished(domain["discoveryJobId"])
            [page] = await client.data(f"/api/domains/{domain['id']}/pages")
            crawl = f"/api/pages/{page['id']}/crawl"
            await client.finished((await client.ask(crawl))["jobId"])
            site.hold("/")
            job_id = (await client.ask(crawl))["jobId"]
            await site.arrived("/", 3)
            stopping = asyncio.create_task(stopped(worker, signal.SIGTERM))
            site.release("/")
            assert await stopping == 0

        # The attempt was not cut off, and without a worker the API goes on answering.
        job = await client.data(f"/api/jobs/{job_id}")
        assert (job["attemptsMade"], job["failedReason"]) == (1, None)
        assert job["state"] in ("active", "completed")
        assert len(site.requests_for("/")) == 3
        assert await stopped(api, signal.SIGTERM) == 0
        assert errors.read_text() == ""
