"""Failed jobs that are run again together: the batches and discoveries of several domains, which
clients follow as one batch (decision 0037).
"""

from collections.abc import Sequence
from typing import Annotated, Final
from uuid import UUID, uuid5

from pydantic import Field
from sqlalchemy.ext.asyncio import AsyncSession

from api.idempotency import Idempotency
from api.started import StartedBatch
from core.errors import Conflict, NotFound
from store.batches import batches_followed_as, create_batch, undo_batch
from store.domains import get_domain
from store.outbox import put, withdraw
from store.pages import existing_pages
from store.quotas import take_jobs
from temporal.delivery import Delivery
from temporal.jobs.messages import JobOptions, Launcher
from temporal.jobs.reader import JobSubject

MAX_DOMAINS: Final = 500
"""Domains whose jobs one request runs again."""


class RepeatedJobs(StartedBatch):
    """The batch of the jobs that are run again. `job_ids` are its discoveries: its crawls get their
    ids as they start.
    """

    job_ids: Annotated[list[str], Field(default_factory=list)]


class Repetition:
    """Runs what failed jobs were about again: each page once, and each discovery.

    A batch is of one domain; several batches and the discoveries have the id of their group.
    """

    def __init__(
        self,
        org_id: UUID,
        subjects: Sequence[JobSubject],
        launcher: Launcher,
        options: JobOptions,
    ) -> None:
        domains = dict.fromkeys(each.domain_id for each in subjects)
        self._org_id = org_id
        self._domains = list(domains)[:MAX_DOMAINS]
        self._subjects = subjects
        self._launcher = launcher
        self._options = options

    async def start(self, idempotency: Idempotency, delivery: Delivery) -> RepeatedJobs:
        """The jobs, once Temporal has them. Raises Conflict if what they were about is gone."""
        async with idempotency.carried_out(self._accept, RepeatedJobs, undo=self._undo) as started:
            async with idempotency.database.reading() as session:
                batches = await batches_followed_as(session, self._org_id, started.batch_id)
            for batch in batches:
                await delivery.deliver(batch.id)
            for job_id in started.job_ids:
                await delivery.deliver(UUID(job_id.rpartition("-")[2]))
            return started

    async def _accept(self, session: AsyncSession, seed: UUID) -> RepeatedJobs:
        is_group = len(self._domains) > 1 or any(each.page_id is None for each in self._subjects)
        queued, job_ids = 0, []
        for domain_id in self._domains:
            failed = [each.page_id for each in self._subjects if each.domain_id == domain_id]
            crawls, job_id = await self._repeat(session, domain_id, failed, seed, is_group)
            queued += crawls
            job_ids += [job_id] if job_id else []
        if not queued and not job_ids:
            raise Conflict("What the failed jobs were about has been deleted.")
        return RepeatedJobs(batch_id=seed, job_ids=job_ids, jobs_queued=queued + len(job_ids))

    async def _repeat(
        self,
        session: AsyncSession,
        domain_id: UUID,
        failed: Sequence[UUID | None],
        seed: UUID,
        is_group: bool,
    ) -> tuple[int, str | None]:
        """Write what runs the failed jobs of a domain again: a batch of the crawls of the pages
        `failed`, whose number is returned, and a discovery, whose page is None and whose id is
        returned. Nothing for what was deleted.
        """
        try:
            domain = await get_domain(session, self._org_id, domain_id)
        except NotFound:
            return 0, None
        crawls, job_id = 0, None
        launcher = self._launcher
        pages = await existing_pages(session, domain_id, [each for each in failed if each])
        if pages:
            batch = await create_batch(
                session,
                self._org_id,
                domain_id,
                pages,
                _of_domain(seed, "crawls", domain_id) if is_group else seed,
                quotas=launcher.quotas,
                group_id=seed if is_group else None,
            )
            await put(session, launcher.batch(domain, batch, self._options))
            crawls = batch.size
        if None in failed:
            await take_jobs(session, self._org_id, 1, launcher.quotas)
            asked = _of_domain(seed, "discovery", domain_id)
            message = launcher.discovery(domain, asked, job=self._options)
            await put(session, message.model_copy(update={"batch_id": seed}))
            job_id = message.job_id
        return crawls, job_id

    async def _undo(self, session: AsyncSession, seed: UUID) -> None:
        await undo_batch(session, seed)
        for domain_id in self._domains:
            crawls = _of_domain(seed, "crawls", domain_id)
            for subject in (crawls, _of_domain(seed, "discovery", domain_id)):
                await withdraw(session, subject)
            await undo_batch(session, crawls)


def _of_domain(seed: UUID, name: str, domain_id: UUID) -> UUID:
    return uuid5(seed, f"{name} {domain_id}")
