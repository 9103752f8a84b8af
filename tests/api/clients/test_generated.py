"""Generators for Python and for TypeScript make working clients of the OpenAPI document."""

import asyncio
import importlib
import json
import os
import shutil
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import pytest

from tests.api.operations import documentation
from tests.api.served import Served, served
from tests.eventually import eventually
from tests.needs import CLIENTS, need
from tests.site import FakeSite
from tests.system import System

SUMMARY: Final = "Price of Pro changed from $99 to $129."
PYTHON: Final = "diffy_jobs_client"


@pytest.fixture
def one_page(site: FakeSite) -> str:
    """The origin of a site of one page, which has changed when it is read for the second time."""
    site.in_turn("/", "<p>Pro costs $99 a month.</p>", "<p>Pro costs $129 a month.</p>")
    return site.origin


@pytest.fixture
async def api(system: System) -> AsyncIterator[Served]:
    """The API behind its server, and a worker."""
    async with served(system.app) as listening, system.worker():
        yield listening


@pytest.fixture
def document(system: System, tmp_path: Path) -> Path:
    """The OpenAPI document as a file."""
    written = tmp_path / "openapi.json"
    written.write_text(json.dumps(documentation(system)))
    return written


def key_of(system: System) -> str:
    return str(system.api.headers["Authorization"]).removeprefix("Bearer ")


async def ran(*command: str, cwd: Path) -> str:
    """What a program prints that must succeed."""
    # The generator for Python formats what it made with the ruff that it finds on the path, where
    # an environment that was not activated is missing.
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=cwd,
        env=os.environ | {"PATH": path},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    printed, _ = await process.communicate()
    assert process.returncode == 0, printed.decode()
    return printed.decode()


@pytest.fixture
async def python_client(document: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    """The generated package can be imported. The generator may have nothing to say against the
    document.
    """
    generator = Path(sys.executable).with_name("openapi-python-client")
    command = ("generate", "--path", document.name, "--output-path", "made", "--fail-on-warning")
    await ran(str(generator), *command, cwd=document.parent)
    monkeypatch.syspath_prepend(document.parent / "made")
    yield
    for name in [each for each in sys.modules if each.partition(".")[0] == PYTHON]:
        del sys.modules[name]


def test_no_two_models_of_the_document_have_one_name(system: System) -> None:
    written = documentation(system)
    # FastAPI tells models of one name apart by their modules, and an input from an output.
    assert [name for name in written["components"]["schemas"] if not name.isalnum()] == []
    ids = [each["operationId"] for path in written["paths"].values() for each in path.values()]
    assert len(ids) == len(set(ids))


@pytest.mark.usefixtures("python_client")
async def test_a_python_client_has_every_operation_registers_a_site_and_reads_what_changed(
    system: System, api: Served, one_page: str
) -> None:
    models = importlib.import_module(f"{PYTHON}.models")
    package = importlib.import_module(PYTHON)
    documented = documentation(system)["paths"].values()
    ids = {each["operationId"] for path in documented for each in path.values()}
    made = Path(str(package.__file__)).parent.glob("api/*/[!_]*.py")
    assert {each.stem for each in made} == ids

    async def call(tag: str, operation: str, *ids: object, **given: Any) -> Any:
        module = importlib.import_module(f"{PYTHON}.api.{tag}.{operation}")
        return await module.asyncio(*ids, client=client, **given)

    async def finished(job_id: str) -> Any:
        return await eventually(
            lambda: call("jobs", "jobs_get", job_id),
            lambda answer: answer.data.finished_at is not None,
        )

    unexpected = {"raise_on_unexpected_status": True}
    async with package.AuthenticatedClient(api.origin, key_of(system), **unexpected) as client:
        body = models.AddDomainBody(domain=one_page)
        added = (await call("domains", "domains_add", body=body, idempotency_key="once")).data
        again = (await call("domains", "domains_add", body=body, idempotency_key="once")).data
        assert again.id == added.id
        await finished(added.discovery_job_id)
        [page] = (await call("pages", "pages_list_of_domain", added.id)).data
        assert page.url == f"{one_page}/"
        started = await call("pages", "pages_crawl", page.id, body=models.CrawlBody(max_attempts=2))
        job = (await finished(started.data.job_id)).data
        assert (job.state, job.max_attempts) == (models.JobState.COMPLETED, 2)
        assert job.finished_at >= job.created_at
        listed = await call("changes", "changes_list_all", domain_id=added.id, limit=5)
        change = (await call("changes", "changes_get", listed.data[0].id)).data
        assert (listed.meta.total, change.summary) == (1, SUMMARY)
        assert change.prices[0].percent == pytest.approx(30.3, abs=0.05)
        missing = await call("pages", "pages_get", uuid4())
        assert isinstance(missing, models.ErrorAnswer)
        assert missing.code == "NOT_FOUND"


@pytest.fixture
async def typescript(document: Path) -> Path:
    """The compiled program that uses the generated client: the compiler checks its types."""
    need("client generators")
    folder = document.parent
    shutil.copy(Path(__file__).with_name("follow.ts"), folder)
    programs = CLIENTS / "node_modules" / ".bin"
    # Both look for their packages beside what they read.
    (folder / "node_modules").symlink_to(CLIENTS / "node_modules")
    await ran(str(programs / "openapi-ts"), "-i", document.name, "-o", "generated", cwd=folder)
    options = "--strict --target es2022 --lib es2022,dom,dom.iterable --skipLibCheck --outDir made"
    await ran(
        str(programs / "tsc"), *options.split(), "--module", "commonjs", "follow.ts", cwd=folder
    )
    return folder / "made" / "follow.js"


async def test_a_typescript_client_registers_a_site_and_reads_what_changed(
    system: System, api: Served, one_page: str, typescript: Path
) -> None:
    given = (str(typescript), api.origin, key_of(system), one_page)
    assert json.loads(await ran("node", *given, cwd=typescript.parent)) == {
        "repeated": True,
        "pages": [f"{one_page}/"],
        "last": "completed",
        "attempts": [1, 2],
        "changes": 1,
        "summary": SUMMARY,
        "percent": pytest.approx(30.3, abs=0.05),
        "error": "NOT_FOUND",
    }
