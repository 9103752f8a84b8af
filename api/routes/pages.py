"""Pages of domains."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from typing import Annotated, Final
from uuid import UUID

from fastapi import APIRouter, Body
from pydantic import Field
from sqlalchemy.ext.asyncio import AsyncSession
from temporalio.client import Client

from api.crawl_settings import CrawlSettingsView, WithCrawlSettings, settings_view
from api.deps import (
    ClientDep,
    DatabaseDep,
    DeliveryDep,
    DomainIdDep,
    LauncherDep,
    PageIdDep,
    PrincipalDep,
    SecretKeyDep,
)
from api.errors import documented_errors
from api.idempotency import IdempotencyDep
from api.limits import JobBody, SearchQuery, example
from api.paging import ListMeta, PagingDep
from api.started import StartedBatch, StartedBatchAnswer, StartedJobAnswer
from api.tags import TagList, TagQuery, tags_over
from core.errors import Conflict, DiffyError, InvalidAddress, InvalidRequest
from core.model import Model, UtcTime
from core.outbox import JobMessage, PageScheduleMessage
from core.schedules import Schedule
from core.tags import NO_TAGS
from core.web.crawl_settings import NOTHING_CHOSEN, Render
from core.web.hash_routes import route_of
from core.web.page_types import PageType, classify_page
from core.web.scope import ExclusionReason, exclusion_reason
from core.web.urls import MAX_URL_LENGTH, normalise, parse_domain
from store.batches import create_batch, undo_batch
from store.domains import domain_by_id, get_domain
from store.outbox import put
from store.pages import (
    NewPage,
    delete_page,
    get_page,
    has_hash_routes,
    list_pages,
    page_of_url,
)
from store.quotas import add_pages_within, page_quota_exceeded
from store.secretkey import SecretKey
from store.tables.domains import Domain
from store.tables.pages import Page, PageStatus
from temporal.jobs.schedules import next_crawls

router = APIRouter(prefix="/api", tags=["pages"])

OUT_OF_SCOPE: Final = {
    ExclusionReason.OTHER_HOST: "The page belongs to another site than {}.",
}

PageIds = Annotated[
    list[Annotated[UUID, Field(strict=False)]], Field(min_length=1, max_length=1000)
]


class PageView(Model):
    """A page. Without a `schedule` of its own it is crawled with its domain, whose `nextCrawlAt`
    says when; its own is then null.
    """

    id: UUID
    domain_id: UUID
    url: str
    page_type: str
    status: PageStatus
    monitoring_enabled: bool
    schedule: Schedule | None
    crawl_settings: CrawlSettingsView
    tags: tuple[str, ...]
    last_check_at: UtcTime | None
    last_change_at: UtcTime | None
    next_crawl_at: UtcTime | None


class PageListAnswer(Model):
    """A page of the list of pages."""

    data: list[PageView]
    meta: ListMeta


class PageAnswer(Model):
    """One page."""

    data: PageView


class PageChoices(WithCrawlSettings):
    """The mutable fields of a page. Omitted fields stay; null in `schedule` unsets it."""

    model_config = example(
        pageType="pricing",
        tags=["plans"],
        schedule={"cron": "0 7 * * mon-fri", "timeZone": "Europe/Berlin"},
        crawlSettings={"watchSelector": "main .plans", "ignoreText": ["Only # left"]},
    )

    page_type: Annotated[PageType, Field(strict=False)] | None = None
    monitoring_enabled: bool | None = None
    tags: TagList | None = None
    schedule: Schedule | None = None


class AddPageBody(PageChoices):
    """A page to watch. Without a type, its URL decides."""

    model_config = example(
        url="https://shop.example/pricing", pageType="pricing", schedule={"everyMinutes": 15}
    )

    url: Annotated[str, Field(min_length=1, max_length=MAX_URL_LENGTH)]


class CrawlBody(JobBody):
    """The pages to crawl: `page_ids`, or every monitored page."""

    model_config = example(pageIds=["6f1d2c3b-8a4e-4b7d-9c20-5e8f7a6b1d34"], maxAttempts=5)

    page_ids: PageIds | None = None


def page_view(page: Page, next_crawl_at: datetime | None = None) -> PageView:
    """A page as the API shows it."""
    return PageView(
        id=page.id,
        domain_id=page.domain_id,
        url=page.url,
        page_type=page.page_type,
        status=page.status,
        monitoring_enabled=page.monitoring_enabled,
        schedule=page.schedule,
        crawl_settings=settings_view(page.crawl_settings),
        tags=page.tags,
        last_check_at=page.last_check_at,
        last_change_at=page.last_change_at,
        next_crawl_at=next_crawl_at,
    )


async def _views(client: Client, pages: Sequence[Page]) -> list[PageView]:
    """Pages as the API shows them. Temporal is asked only about those with their own schedule."""
    upcoming = await next_crawls(client, [page.id for page in pages if page.schedule is not None])
    return [page_view(page, upcoming.get(page.id)) for page in pages]


@router.get("/domains/{domain_id}/pages", responses=documented_errors(400, 404))
async def list_of_domain(
    domain_id: DomainIdDep,
    principal: PrincipalDep,
    paging: PagingDep,
    database: DatabaseDep,
    client: ClientDep,
    tag: TagQuery = None,
    text: SearchQuery = None,
) -> PageListAnswer:
    """The pages of a domain, newest first; `q` is in the URL or the title."""
    async with database.reading() as session:
        domain = await get_domain(session, principal.org_id, domain_id)
        found = await list_pages(session, domain.id, paging.request, tag, text)
    return PageListAnswer(data=await _views(client, found.rows), meta=paging.meta(found))


@router.post(
    "/domains/{domain_id}/pages",
    status_code=201,
    responses=documented_errors(400, 402, 404, 409, 413),
)
async def add(
    domain_id: DomainIdDep,
    body: AddPageBody,
    principal: PrincipalDep,
    client: ClientDep,
    secret_key: SecretKeyDep,
    launcher: LauncherDep,
    idempotency: IdempotencyDep,
) -> PageAnswer:
    """Add a page to the domain.

    A hash route (`#/pricing`, `#!/pricing`) is part of its address if the page is rendered: with
    `render` `always`, of the page or its domain, or with `auto` if the domain has such pages, which
    its discovery finds. Any other fragment is dropped.
    """

    async def accept(session: AsyncSession, seed: UUID) -> PageView:
        domain = await get_domain(session, principal.org_id, domain_id)
        url = await _page_url(session, domain, body)
        wanted = new_page(seed, url, body, secret_key)
        added = await add_pages_within(
            session, principal.org_id, domain.id, [wanted], launcher.quotas
        )
        if added.over_quota:
            raise await page_quota_exceeded(session, principal.org_id, launcher.quotas)
        page = await page_of_url(session, domain.id, url)
        if page.id != seed:
            raise Conflict(f"{url} is a page of the domain already.")
        if page.schedule is not None:
            await put(session, PageScheduleMessage.of(page.id, domain.id))
        return page_view(page)

    async def undo(session: AsyncSession, seed: UUID) -> None:
        await delete_page(session, principal.org_id, seed)

    async with idempotency.carried_out(accept, PageView, undo) as added:
        upcoming = await next_crawls(client, [] if added.schedule is None else [added.id])
    next_crawl_at = {"next_crawl_at": upcoming.get(added.id)}
    return PageAnswer(data=added.model_copy(update=next_crawl_at))


def new_page(page_id: UUID, url: str, body: AddPageBody, secret_key: SecretKey) -> NewPage:
    """The page to store for `body`, at the normalised `url`."""
    return NewPage(
        id=page_id,
        url=url,
        page_type=body.page_type or classify_page(url),
        monitoring_enabled=body.monitoring_enabled is not False,
        schedule=body.schedule,
        crawl_settings=body.settings_over(None, secret_key),
        tags=tags_over(NO_TAGS, body.tags),
    )


async def _page_url(session: AsyncSession, domain: Domain, body: AddPageBody) -> str:
    """The normalised URL. Raises InvalidRequest if it is not a page of `domain`."""
    try:
        url = normalise(body.url, routes=True)
        if route_of(url) and not await renders_routes(session, domain, body):
            url = normalise(body.url)
    except InvalidAddress as error:
        raise InvalidRequest(error.message, {"url": error.message}) from None
    reason = exclusion_reason(url, parse_domain(domain.domain))
    if reason is not None:
        sentence = OUT_OF_SCOPE[reason].format(domain.domain)
        raise InvalidRequest(sentence, {"url": sentence})
    return url


async def renders_routes(session: AsyncSession, domain: Domain, body: AddPageBody) -> bool:
    """Whether a page added by `body` is rendered, so that a hash route makes a page of its own."""
    chosen = body.crawl_settings
    if chosen is not None and chosen.render is not None:
        render = chosen.render
    else:
        render = (domain.crawl_settings or NOTHING_CHOSEN).render or Render.AUTO
    if render is Render.AUTO:
        # Whether a page is an empty shell is known once it was fetched.
        return await has_hash_routes(session, domain.id)
    return render is Render.ALWAYS


@router.get("/pages/{page_id}", responses=documented_errors(404))
async def get(
    page_id: PageIdDep, principal: PrincipalDep, database: DatabaseDep, client: ClientDep
) -> PageAnswer:
    """One page."""
    async with database.reading() as session:
        page = await get_page(session, principal.org_id, page_id)
    [view] = await _views(client, [page])
    return PageAnswer(data=view)


@router.patch("/pages/{page_id}", responses=documented_errors(400, 404, 409, 413))
async def change(
    page_id: PageIdDep,
    body: PageChoices,
    principal: PrincipalDep,
    database: DatabaseDep,
    client: ClientDep,
    delivery: DeliveryDep,
    secret_key: SecretKeyDep,
) -> PageAnswer:
    """Change a page. Omitted fields stay. Its own schedule replaces that of its domain."""
    async with database.transaction() as session:
        page = await get_page(session, principal.org_id, page_id, lock=True)
        if body.page_type is not None:
            page.page_type = body.page_type
        if body.monitoring_enabled is not None:
            page.monitoring_enabled = body.monitoring_enabled
        page.tags = tags_over(page.tags, body.tags)
        page.crawl_settings = body.settings_over(page.crawl_settings, secret_key)
        has_schedule = page.schedule is not None
        if "schedule" in body.model_fields_set:
            page.schedule = body.schedule
        has_schedule |= page.schedule is not None
        if has_schedule:
            await put(session, PageScheduleMessage.of(page.id, page.domain_id))
    if has_schedule:
        await delivery.deliver(page.id)
    [view] = await _views(client, [page])
    return PageAnswer(data=view)


@router.delete("/pages/{page_id}", status_code=204, responses=documented_errors(404))
async def delete(
    page_id: PageIdDep, principal: PrincipalDep, database: DatabaseDep, delivery: DeliveryDep
) -> None:
    """Delete a page, with its schedule, snapshots and changes."""
    async with database.transaction() as session:
        await delete_page(session, principal.org_id, page_id)
    # The page is deleted. If this fails, the reconciler deletes its schedule.
    with suppress(DiffyError):
        await delivery.deliver(page_id)


@router.post(
    "/pages/{page_id}/crawl", status_code=202, responses=documented_errors(400, 402, 404, 409, 413)
)
async def crawl(
    page_id: PageIdDep,
    body: Annotated[JobBody, Body(default_factory=JobBody)],
    principal: PrincipalDep,
    launcher: LauncherDep,
    idempotency: IdempotencyDep,
) -> StartedJobAnswer:
    """Start a crawl of the page, monitored or not."""

    async def job(session: AsyncSession, seed: UUID) -> JobMessage:
        page = await get_page(session, principal.org_id, page_id)
        domain = await domain_by_id(session, page.domain_id)
        return launcher.page_crawl(domain, page, seed, body.job_options)

    return StartedJobAnswer(data=await idempotency.start_job(job, launcher.quotas))


@router.post(
    "/domains/{domain_id}/crawl",
    status_code=202,
    responses=documented_errors(400, 402, 404, 409, 413),
)
async def crawl_of_domain(
    domain_id: DomainIdDep,
    body: Annotated[CrawlBody, Body(default_factory=CrawlBody)],
    principal: PrincipalDep,
    launcher: LauncherDep,
    idempotency: IdempotencyDep,
) -> StartedBatchAnswer:
    """Start a crawl of each monitored page, or of the given pages."""

    async def accept(session: AsyncSession, seed: UUID) -> StartedBatch:
        domain = await get_domain(session, principal.org_id, domain_id)
        batch = await create_batch(
            session, principal.org_id, domain.id, body.page_ids, seed, quotas=launcher.quotas
        )
        await put(session, launcher.batch(domain, batch, body.job_options))
        return StartedBatch(batch_id=batch.id, jobs_queued=batch.size)

    async with idempotency.carried_out(accept, StartedBatch, undo=undo_batch) as started:
        return StartedBatchAnswer(data=started)
