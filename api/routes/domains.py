"""Domains: the sites that an organisation watches."""

from contextlib import suppress
from datetime import UTC, datetime
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
    PrincipalDep,
    SecretKeyDep,
    SettingsDep,
)
from api.discover_body import DiscoverBody
from api.errors import documented_errors
from api.idempotency import IdempotencyDep
from api.limits import SearchQuery, example
from api.paging import ListMeta, PagingDep
from api.routes.changes import ChangeRow, change_rows
from api.started import StartedJobAnswer
from api.tags import TagList, TagQuery, tags_over
from core.errors import DiffyError, InvalidRequest
from core.model import Model, UtcTime
from core.outbox import JobMessage, ScheduleMessage
from core.schedules import Schedule
from core.settings import Settings
from core.tags import NO_TAGS
from core.web.addresses import is_public, literal_address
from core.web.urls import MAX_URL_LENGTH, Site, parse_domain
from core.web.watch_rules import WATCH_ALL, WatchRules
from store.changes import recent_changes
from store.db.engine import Database
from store.domains import (
    DEFAULT_DISCOVER_FREQUENCY,
    NO_PAGES,
    PageSummary,
    add_domain,
    delete_domain,
    get_domain,
    list_domains,
    page_summaries,
)
from store.outbox import put
from store.pages import put_page_schedules
from store.quotas import take_jobs
from store.secretkey import SecretKey
from store.tables.domains import Domain, DomainStatus
from temporal.jobs.messages import DiscoverOptions, Launcher
from temporal.jobs.schedules import next_crawls, next_discovery

router = APIRouter(prefix="/api/domains", tags=["domains"])

DEFAULT_CHECK_FREQUENCY: Final = 24
"""Hours between two crawls of a domain."""

DisplayName = Annotated[str, Field(min_length=1, max_length=200)]
CheckFrequencyHours = Annotated[int, Field(ge=1, le=8760)]
DiscoverFrequencyHours = Annotated[int, Field(ge=0, le=8760)]


class DomainView(Model):
    """A domain; `pages` is the number of its known pages. With a `schedule`, `checkFrequencyHours`
    is not used.
    """

    id: UUID
    org_id: UUID
    domain: str
    display_name: str
    status: DomainStatus
    check_frequency_hours: int
    schedule: Schedule | None
    discover_frequency_hours: int
    watch: WatchRules
    crawl_settings: CrawlSettingsView
    tags: tuple[str, ...]
    last_crawled_at: UtcTime | None
    next_crawl_at: UtcTime | None
    last_discovered_at: UtcTime | None
    pages: int
    created_at: UtcTime
    updated_at: UtcTime


class AddedDomain(DomainView):
    """A domain that was just registered, and the id of its discovery."""

    discovery_job_id: str


class DomainDetail(DomainView):
    """A domain as it is shown alone."""

    next_discovery_at: UtcTime | None
    recent_changes: list[ChangeRow]


class DomainListAnswer(Model):
    """A page of domains."""

    data: list[DomainView]
    meta: ListMeta


class AddedDomainAnswer(Model):
    """The domain that was registered."""

    data: AddedDomain


class DomainAnswer(Model):
    """One domain."""

    data: DomainDetail


class AddDomainBody(WithCrawlSettings):
    """A site to watch: a host, `host:port`, or an http(s) origin."""

    model_config = example(
        domain="shop.example",
        displayName="Shop",
        schedule={"everyMinutes": 60, "activeHours": {"from": "08:00", "to": "18:00"}},
        watch={"exclude": ["/blog/*"]},
        tags=["rivals"],
        crawlSettings={"watchSelector": "main"},
    )

    domain: Annotated[str, Field(min_length=1, max_length=MAX_URL_LENGTH)]
    display_name: DisplayName | None = None
    check_frequency_hours: CheckFrequencyHours | None = None
    tags: TagList | None = None
    schedule: Schedule | None = None
    discover_frequency_hours: DiscoverFrequencyHours | None = None
    watch: WatchRules | None = None


class ChangeDomainBody(WithCrawlSettings):
    """The mutable fields of a domain. Omitted fields stay; null in `schedule` or `watch` unsets it.

    `checkFrequencyHours` replaces a schedule.
    """

    model_config = example(
        displayName="Shop",
        checkFrequencyHours=12,
        watch={"include": ["/products/*"], "pageTypes": ["pricing", "product"]},
        tags=["rivals"],
        crawlSettings={"ignoreSelectors": [".banner"], "confirmAfterSeconds": 60},
    )

    display_name: DisplayName | None = None
    check_frequency_hours: CheckFrequencyHours | None = None
    schedule: Schedule | None = None
    discover_frequency_hours: DiscoverFrequencyHours | None = None
    watch: WatchRules | None = None
    status: Annotated[DomainStatus, Field(strict=False)] | None = None
    tags: TagList | None = None


def domain_view(domain: Domain, pages: PageSummary, next_crawl_at: datetime | None) -> DomainView:
    """A domain as the API shows it."""
    return DomainView(
        id=domain.id,
        org_id=domain.org_id,
        domain=domain.domain,
        display_name=domain.display_name,
        status=domain.status,
        check_frequency_hours=domain.check_frequency_hours,
        schedule=domain.schedule,
        discover_frequency_hours=domain.discover_frequency_hours,
        watch=domain.watch or WATCH_ALL,
        crawl_settings=settings_view(domain.crawl_settings),
        tags=domain.tags,
        last_crawled_at=pages.last_check_at,
        next_crawl_at=next_crawl_at,
        last_discovered_at=domain.discovered_at,
        pages=pages.count,
        created_at=domain.created_at,
        updated_at=domain.updated_at,
    )


@router.get("", responses=documented_errors(400))
async def list_all(
    principal: PrincipalDep,
    paging: PagingDep,
    database: DatabaseDep,
    client: ClientDep,
    tag: TagQuery = None,
    text: SearchQuery = None,
) -> DomainListAnswer:
    """The domains, newest first; `q` is in the name or the display name."""
    async with database.reading() as session:
        found = await list_domains(session, principal.org_id, paging.request, tag, text)
        ids = [domain.id for domain in found.rows]
        pages = await page_summaries(session, ids)
    upcoming = await next_crawls(client, ids)
    return DomainListAnswer(
        data=[
            domain_view(each, pages.get(each.id, NO_PAGES), upcoming.get(each.id))
            for each in found.rows
        ],
        meta=paging.meta(found),
    )


@router.post("", status_code=201, responses=documented_errors(400, 402, 409, 413))
async def add(
    body: AddDomainBody,
    principal: PrincipalDep,
    settings: SettingsDep,
    client: ClientDep,
    launcher: LauncherDep,
    secret_key: SecretKeyDep,
    idempotency: IdempotencyDep,
) -> AddedDomainAnswer:
    """Register a site, discover its pages now and regularly, and crawl it regularly."""
    check_times(body)
    site = watched_site(body.domain, settings)

    async def accept(session: AsyncSession, seed: UUID) -> AddedDomain:
        domain = await create_domain(session, principal.org_id, seed, site, body, secret_key)
        await put(session, ScheduleMessage.of(domain.id))
        job_id = await start_discovery(session, domain, launcher)
        view = domain_view(domain, NO_PAGES, None)
        return AddedDomain(**dict(view), discovery_job_id=job_id)

    async def undo(session: AsyncSession, seed: UUID) -> None:
        await delete_domain(session, principal.org_id, seed)

    async with idempotency.carried_out(accept, AddedDomain, undo) as added:
        upcoming = await next_crawls(client, [added.id])
    next_crawl_at = {"next_crawl_at": upcoming.get(added.id)}
    return AddedDomainAnswer(data=added.model_copy(update=next_crawl_at))


async def create_domain(
    session: AsyncSession,
    org_id: UUID,
    domain_id: UUID,
    site: Site,
    body: AddDomainBody,
    secret_key: SecretKey,
) -> Domain:
    """Add the domain to the store; idempotent. Raises Conflict if the organisation has another one
    for the site.
    """
    return await add_domain(
        session,
        org_id,
        domain_id=domain_id,
        domain=site.domain,
        origin=site.origin,
        display_name=body.display_name or site.authority,
        check_frequency_hours=body.check_frequency_hours or DEFAULT_CHECK_FREQUENCY,
        schedule=body.schedule,
        discover_frequency_hours=(
            DEFAULT_DISCOVER_FREQUENCY
            if body.discover_frequency_hours is None
            else body.discover_frequency_hours
        ),
        watch=body.watch,
        crawl_settings=body.settings_over(None, secret_key),
        tags=tags_over(NO_TAGS, body.tags),
    )


async def start_discovery(session: AsyncSession, domain: Domain, launcher: Launcher) -> str:
    """Have the pages of a new domain discovered; the id of the job. Raises QuotaExceeded if the
    organisation may have no more jobs.
    """
    await take_jobs(session, domain.org_id, 1, launcher.quotas)
    limits = DiscoverOptions(max_pages=(domain.watch or WATCH_ALL).max_pages)
    discovery = launcher.discovery(domain, domain.id, limits)
    domain.discovery_job_id = discovery.job_id
    await put(session, discovery)
    return discovery.job_id


def check_times(body: AddDomainBody | ChangeDomainBody) -> None:
    if body.schedule is not None and body.check_frequency_hours is not None:
        sentence = "Give either a schedule or checkFrequencyHours."
        raise InvalidRequest(sentence, {"schedule": sentence})


def watched_site(domain: str, settings: Settings) -> Site:
    """The site to register under that name. Raises InvalidRequest if it cannot be watched.

    The crawler checks the addresses of names at each request.
    """
    site = parse_domain(domain)
    if settings.allow_private_networks:
        return site
    address = literal_address(site.host)
    if site.host == "localhost" or (address is not None and not is_public(address)):
        sentence = f"{site.host} is not on the public internet."
        raise InvalidRequest(sentence, {"domain": sentence})
    return site


@router.get("/{domain_id}", responses=documented_errors(404))
async def get(
    domain_id: DomainIdDep, principal: PrincipalDep, database: DatabaseDep, client: ClientDep
) -> DomainAnswer:
    """One domain, with its newest changes."""
    return await _detail(principal.org_id, domain_id, database, client)


@router.patch("/{domain_id}", responses=documented_errors(400, 404, 409, 413))
async def change(
    domain_id: DomainIdDep,
    body: ChangeDomainBody,
    principal: PrincipalDep,
    database: DatabaseDep,
    client: ClientDep,
    delivery: DeliveryDep,
    secret_key: SecretKeyDep,
) -> DomainAnswer:
    """Change a domain and its schedules. A paused domain is neither crawled nor discovered until it
    is active again.
    """
    check_times(body)
    async with database.transaction() as session:
        domain = await get_domain(session, principal.org_id, domain_id, lock=True)
        if body.display_name is not None:
            domain.display_name = body.display_name
        if body.check_frequency_hours is not None:
            domain.check_frequency_hours = body.check_frequency_hours
            domain.schedule = None
        if "schedule" in body.model_fields_set:
            domain.schedule = body.schedule
        if "watch" in body.model_fields_set:
            domain.watch = body.watch
        if body.discover_frequency_hours is not None:
            domain.discover_frequency_hours = body.discover_frequency_hours
        if body.status is not None:
            domain.status = body.status
        domain.tags = tags_over(domain.tags, body.tags)
        domain.crawl_settings = body.settings_over(domain.crawl_settings, secret_key)
        if body.model_fields_set:
            domain.updated_at = datetime.now(UTC)
        # Also without a change: this restores a schedule that was edited by hand.
        await put(session, ScheduleMessage.of(domain.id))
        subjects = [domain.id, *await put_page_schedules(session, domain.id)]
    for subject_id in subjects:
        await delivery.deliver(subject_id)
    return await _detail(principal.org_id, domain_id, database, client)


async def _detail(
    org_id: UUID, domain_id: UUID, database: Database, client: Client
) -> DomainAnswer:
    async with database.reading() as session:
        domain = await get_domain(session, org_id, domain_id)
        pages = await page_summaries(session, [domain.id])
        recent = await change_rows(session, await recent_changes(session, domain.id))
    upcoming = await next_crawls(client, [domain.id])
    discovery = await next_discovery(client, domain.id)
    view = domain_view(domain, pages.get(domain.id, NO_PAGES), upcoming.get(domain.id))
    return DomainAnswer(
        data=DomainDetail(**dict(view), next_discovery_at=discovery, recent_changes=recent)
    )


@router.delete("/{domain_id}", status_code=204, responses=documented_errors(404))
async def delete(
    domain_id: DomainIdDep, principal: PrincipalDep, database: DatabaseDep, delivery: DeliveryDep
) -> None:
    """Delete a domain, with its schedule, pages, snapshots and changes."""
    async with database.transaction() as session:
        await delete_domain(session, principal.org_id, domain_id)
    # The domain is deleted. If this fails, the reconciler deletes its schedule.
    with suppress(DiffyError):
        await delivery.deliver(domain_id)


@router.post(
    "/{domain_id}/discover",
    status_code=202,
    responses=documented_errors(400, 402, 404, 409, 413),
)
async def discover(
    domain_id: DomainIdDep,
    body: Annotated[DiscoverBody, Body(default_factory=DiscoverBody)],
    principal: PrincipalDep,
    launcher: LauncherDep,
    idempotency: IdempotencyDep,
) -> StartedJobAnswer:
    """Start a discovery of the pages of the domain."""

    async def job(session: AsyncSession, seed: UUID) -> JobMessage:
        domain = await get_domain(session, principal.org_id, domain_id)
        return launcher.discovery(domain, seed, body.options, body.job_options)

    return StartedJobAnswer(data=await idempotency.start_job(job, launcher.quotas))
