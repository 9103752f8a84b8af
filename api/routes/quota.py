"""The quotas of the organisation, and how much of them is used."""

from datetime import UTC, datetime

from fastapi import APIRouter

from api.deps import DatabaseDep, LauncherDep, PrincipalDep, ReaderDep
from core.model import Model, UtcTime
from core.quotas import day_after
from store.quotas import quota_use
from temporal.jobs.visibility import JobFilter

router = APIRouter(prefix="/api/quota", tags=["quota"])


class PagesQuota(Model):
    """Pages, watched or not: at most `limit`, None if there is no quota of them."""

    limit: int | None
    used: int


class ChecksQuota(Model):
    """Checks of pages accepted since midnight UTC: at most `limit`, None if there is no quota of
    them; without one they are not counted.

    `passedOver` counts the checks that schedules did not make because none was left. All of it
    begins anew at `freesAt`.
    """

    limit: int | None
    used: int
    passed_over: int
    frees_at: UtcTime


class JobsQuota(Model):
    """Unfinished jobs: at most `limit` when more are asked for, None if there is no quota of them;
    without one they are not counted here, and `used` is None.
    """

    limit: int | None
    used: int | None


class QuotaView(Model):
    """The quotas of the organisation, by their names in errors."""

    pages: PagesQuota
    checks_per_day: ChecksQuota
    unfinished_jobs: JobsQuota


class QuotaAnswer(Model):
    """The quotas of the organisation."""

    data: QuotaView


@router.get("")
async def get(
    principal: PrincipalDep, database: DatabaseDep, launcher: LauncherDep, reader: ReaderDep
) -> QuotaAnswer:
    """The quotas of the organisation, and how much of them is used. An operator sets them."""
    async with database.reading() as session:
        use = await quota_use(session, principal.org_id, launcher.quotas, datetime.now(UTC))
    limit = use.quotas.unfinished_jobs or None
    jobs = None if limit is None else (await reader.stats(JobFilter(principal.org_id))).total
    return QuotaAnswer(
        data=QuotaView(
            pages=PagesQuota(limit=use.quotas.pages or None, used=use.pages),
            checks_per_day=ChecksQuota(
                limit=use.quotas.checks_per_day or None,
                used=use.checks,
                passed_over=use.passed_over,
                frees_at=day_after(use.at),
            ),
            unfinished_jobs=JobsQuota(limit=limit, used=jobs),
        )
    )
