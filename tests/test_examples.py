"""The examples do what they say."""

import asyncio
import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from core.alerts.messages import body_of, of_test
from core.alerts.signing import new_secret, signature_headers
from core.model import Model
from tests.cli.command import ROOT
from tests.eventually import eventually
from tests.needs import TYPESCRIPT, need
from tests.site import FakeSite
from tests.system import System


async def ran(system: System, domain_id: object) -> Any:
    """What the example prints."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "examples/discover_as_child.py",
        str(domain_id),
        str(system.settings.temporal_address),
        cwd=ROOT,
        stdout=subprocess.PIPE,
    )
    printed, _ = await process.communicate()
    assert process.returncode == 0
    return json.loads(printed)


class TypeScriptAnswer(Model):
    """A line that the TypeScript example prints."""

    job_id: str
    result: dict[str, Any]


async def ran_in_typescript(system: System, *domain_ids: object) -> list[TypeScriptAnswer]:
    """What the TypeScript example prints of each domain."""
    process = await asyncio.create_subprocess_exec(
        "node",
        "run.js",
        str(system.settings.temporal_address),
        *map(str, domain_ids),
        cwd=TYPESCRIPT,
        stdout=subprocess.PIPE,
    )
    printed, _ = await process.communicate()
    assert process.returncode == 0
    return [TypeScriptAnswer.model_validate_json(line) for line in printed.splitlines()]


async def test_a_child_of_a_typescript_workflow_is_a_job_of_the_api(
    system: System, site: FakeSite
) -> None:
    need("Node.js")
    site.page("/", '<a href="/pricing">Prices</a>')
    site.page("/pricing", "<p>Pro costs $99 a month.</p>")
    async with system.worker():
        domain = await system.add_domain(site.origin)
        await system.finished(domain.discovery_job_id)
        found, missing = await ran_in_typescript(system, domain.id, uuid4())
        job = await system.job(found.job_id)
        listed = await eventually(
            lambda: system.jobs(domainId=domain.id, type="discover", status="completed"),
            lambda answer: answer.meta.total == 2,
        )
    assert job.return_value == found.result
    assert (found.result["pagesDiscovered"], found.result["pagesKnown"]) == (2, 2)
    assert found.job_id in {each.id for each in listed.data}
    assert missing.result["error"] == "SUBJECT_GONE"
    async with await system.another_organisation() as other:
        assert (await other.get(f"/api/jobs/{found.job_id}")).status_code == 404


async def test_a_discovery_as_a_child_is_a_job_of_the_api(system: System, site: FakeSite) -> None:
    site.page("/", '<a href="/pricing">Prices</a>')
    site.page("/pricing", "<p>Pro costs $99 a month.</p>")
    async with system.worker():
        domain = await system.add_domain(site.origin)
        await system.finished(domain.discovery_job_id)
        found = await ran(system, domain.id)
        assert (found["pagesDiscovered"], found["pagesKnown"]) == (2, 2)
        listed = await eventually(
            lambda: system.jobs(type="discover", status="completed"),
            lambda answer: answer.meta.total == 2,
        )
    assert any(job.id.startswith("research-") for job in listed.data)


async def test_a_domain_that_there_is_not_is_told_by_the_error_type(system: System) -> None:
    async with system.worker():
        assert (await ran(system, uuid4()))["error"] == "SUBJECT_GONE"


async def test_the_library_of_the_specification_verifies_webhooks_in_javascript() -> None:
    need("Node.js")
    now, secret, other = datetime.now(UTC), new_secret(), new_secret()
    message = of_test(uuid4(), uuid4(), now)
    body = body_of(message)

    def given(body: bytes, at: datetime, known: str, *signing: str) -> str:
        headers = signature_headers(message.message_id, at, body_of(message), signing)
        return json.dumps({"secret": known, "headers": headers, "body": body.decode()})

    cases = [
        (given(body, now, secret, secret), "channel.test"),
        (given(body, now, secret, other, secret), "channel.test"),  # while a secret is rotated
        (given(body, now, other, other, secret), "channel.test"),
        (given(body, now, secret, other), None),
        (given(body + b" ", now, secret, secret), None),
        (given(body, now - timedelta(hours=1), secret, secret), None),
    ]
    process = await asyncio.create_subprocess_exec(
        "node", "verify.mjs", cwd=TYPESCRIPT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    printed, _ = await process.communicate("\n".join(case for case, _ in cases).encode())
    assert process.returncode == 0
    assert [json.loads(line) for line in printed.splitlines()] == [type_ for _, type_ in cases]
