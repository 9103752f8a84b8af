"""Many pages in one call, each with its verdict."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from enum import StrEnum
from typing import Annotated, Final
from uuid import UUID, uuid4

from fastapi import APIRouter
from pydantic import Field
from sqlalchemy.ext.asyncio import AsyncSession

from api.deps import DeliveryDep, LauncherDep, PrincipalDep, SecretKeyDep, SettingsDep
from api.errors import documented_errors
from api.idempotency import IdempotencyDep
from api.limits import JsonBody, example
from api.routes.domains import (
    AddDomainBody,
    check_times,
    create_domain,
    start_discovery,
    watched_site,
)
from api.routes.pages import AddPageBody, new_page, renders_routes
from core.errors import Conflict, DiffyError, InvalidAddress, InvalidRequest
from core.model import Model
from core.outbox import PageScheduleMessage, ScheduleMessage
from core.settings import Settings
from core.web.hash_routes import route_of
from core.web.scope import SiteKey, key_of_origin, key_of_site
from core.web.urls import normalise, origin_of, parse_domain
from store.domains import all_domains, domain_by_id
from store.keys import lock_organisation
from store.outbox import put
from store.pages import NewPage, pages_at
from store.quotas import add_pages_within, page_quota_exceeded
from store.secretkey import SecretKey
from store.tables.domains import DomainStatus
from temporal.delivery import DELIVERY_BATCH_SIZE, Delivery
from temporal.jobs.messages import Launcher

router = APIRouter(prefix="/api/pages", tags=["pages"])

MAX_IMPORTED: Final = 1_000
"""Pages of one call."""

MAX_DOMAINS: Final = 100
"""Domains of one call, and sites that its pages add: other requests that write to SQLite wait for
the whole import.
"""

PROMPT_DELIVERIES: Final = 5 * DELIVERY_BATCH_SIZE
"""Domains and pages whose messages to Temporal a request delivers itself. The reconciler delivers
the rest.
"""


class ImportVerdict(StrEnum):
    """What became of an item of an import."""

    ADDED = "added"
    KNOWN = "known"  # it was there before, and stays as it is
    REFUSED = "refused"


class ImportedDomainBody(AddDomainBody):
    """A site to watch, as `POST /api/domains` takes it, and whether it is paused."""

    model_config = example(domain="shop.example", status="paused")

    status: Annotated[DomainStatus, Field(strict=False)] | None = None


class ImportBody(JsonBody):
    """Pages, and the sites that they may need.

    A page belongs to the domain of the organisation that has its host. Without such a domain it is
    refused, or with `addDomains` its origin becomes a domain. No discovery is started for new
    domains, and none is scheduled for those without `discoverFrequencyHours`, unless `discover` is
    set.
    """

    model_config = example(
        domains=[{"domain": "shop.example", "tags": ["rivals"]}],
        pages=[
            {"url": "https://shop.example/pricing", "tags": ["plans"]},
            {"url": "https://other.example/", "monitoringEnabled": False},
        ],
        addDomains=True,
    )

    domains: Annotated[list[ImportedDomainBody], Field(max_length=MAX_DOMAINS)] | None = None
    pages: Annotated[list[AddPageBody], Field(max_length=MAX_IMPORTED)] | None = None
    add_domains: bool | None = Field(
        default=None, description="Whether sites of pages become domains: at most 100 in one call."
    )
    discover: bool | None = None


class ImportedDomain(Model):
    """What became of a domain: one of the request, or one that a page needed."""

    domain: str
    verdict: ImportVerdict
    reason: str | None
    domain_id: UUID | None
    discovery_job_id: str | None


class ImportedPage(Model):
    """What became of a page of the request; `url` is as it was sent."""

    url: str
    verdict: ImportVerdict
    reason: str | None
    page_id: UUID | None
    domain_id: UUID | None


class Import(Model):
    """The verdicts, in the order of the request, and the number of pages with each."""

    added: int
    known: int
    refused: int
    domains: list[ImportedDomain]
    pages: list[ImportedPage]


class ImportAnswer(Model):
    """What became of an import."""

    data: Import


class _Importer:
    """Writes an import into the store, within one transaction."""

    def __init__(
        self,
        session: AsyncSession,
        org_id: UUID,
        body: ImportBody,
        settings: Settings,
        launcher: Launcher,
        secret_key: SecretKey,
    ) -> None:
        self._session = session
        self._org_id = org_id
        self._body = body
        self._settings = settings
        self._launcher = launcher
        self._secret_key = secret_key
        self._known: dict[SiteKey, UUID] = {}
        self._domains: list[ImportedDomain] = []

    async def run(self) -> Import:
        # One import of an organisation after the other: two at once could deadlock over its domains
        # and pages, or add a site twice under two names.
        await lock_organisation(self._session, self._org_id)
        for domain in await all_domains(self._session, self._org_id):
            self._known.setdefault(key_of_site(parse_domain(domain.domain)), domain.id)
        self._check_new_sites()
        for wanted in self._body.domains or ():
            await self._add(wanted)
        pages = await self._pages(self._body.pages or ())
        verdicts = [page.verdict for page in pages]
        return Import(
            added=verdicts.count(ImportVerdict.ADDED),
            known=verdicts.count(ImportVerdict.KNOWN),
            refused=verdicts.count(ImportVerdict.REFUSED),
            domains=self._domains,
            pages=pages,
        )

    def _check_new_sites(self) -> None:
        """Raises InvalidRequest if the pages would add too many sites."""
        if not self._body.add_domains:
            return
        listed: set[SiteKey] = set()
        for wanted in self._body.domains or ():
            with suppress(InvalidRequest):
                check_times(wanted)
                listed.add(key_of_site(watched_site(wanted.domain, self._settings)))
        new: set[SiteKey] = set()
        for page in self._body.pages or ():
            with suppress(InvalidAddress, InvalidRequest):
                site = watched_site(origin_of(normalise(page.url)), self._settings)
                new.add(key_of_site(site))
        if len(new - listed - self._known.keys()) > MAX_DOMAINS:
            sentence = f"One import adds at most {MAX_DOMAINS} sites of pages: send fewer."
            raise InvalidRequest(sentence, {"pages": sentence})

    async def _add(self, wanted: ImportedDomainBody) -> UUID | None:
        """The id of the domain that is watched for `wanted`; None if it was refused."""
        job_id: str | None = None
        try:
            check_times(wanted)
            site = watched_site(wanted.domain, self._settings)
        except InvalidRequest as error:
            self._tell(wanted.domain, ImportVerdict.REFUSED, reason=error.message)
            return None
        known = self._known.get(key_of_site(site))
        if known is not None:
            self._tell(site.domain, ImportVerdict.KNOWN, domain_id=known)
            return known
        try:
            domain = await create_domain(
                self._session,
                self._org_id,
                uuid4(),
                site,
                self._without_discovery(wanted),
                self._secret_key,
            )
        except Conflict:
            added = await self._just_added(site.domain)
            if added is None:  # the conflict is another one
                raise
            return added
        domain.status = wanted.status or DomainStatus.ACTIVE
        if self._body.discover:
            job_id = await start_discovery(self._session, domain, self._launcher)
        await put(self._session, ScheduleMessage.of(domain.id))
        self._known[key_of_site(site)] = domain.id
        self._tell(site.domain, ImportVerdict.ADDED, domain_id=domain.id, job_id=job_id)
        return domain.id

    def _without_discovery(self, wanted: ImportedDomainBody) -> ImportedDomainBody:
        if self._body.discover or wanted.discover_frequency_hours is not None:
            return wanted
        return wanted.model_copy(update={"discover_frequency_hours": 0})

    async def _just_added(self, name: str) -> UUID | None:
        """The id of a domain that another request added since this one began; None if none did."""
        found = {each.domain: each.id for each in await all_domains(self._session, self._org_id)}
        domain_id = found.get(name)
        if domain_id is None:
            return None
        self._known[key_of_site(parse_domain(name))] = domain_id
        self._tell(name, ImportVerdict.KNOWN, domain_id=domain_id)
        return domain_id

    def _tell(
        self,
        name: str,
        verdict: ImportVerdict,
        *,
        reason: str | None = None,
        domain_id: UUID | None = None,
        job_id: str | None = None,
    ) -> None:
        self._domains.append(
            ImportedDomain(
                domain=name,
                verdict=verdict,
                reason=reason,
                domain_id=domain_id,
                discovery_job_id=job_id,
            )
        )

    async def _pages(self, asked: Sequence[AddPageBody]) -> list[ImportedPage]:
        refused: dict[int, str] = {}
        wanted: dict[UUID, dict[str, NewPage]] = {}
        places: dict[int, tuple[UUID, str]] = {}
        for number, body in enumerate(asked):
            try:
                url = normalise(body.url, routes=True)
                domain_id = await self._domain_of(url)
                if route_of(url):
                    domain = await domain_by_id(self._session, domain_id)
                    if not await renders_routes(self._session, domain, body):
                        url = normalise(body.url)
            except (InvalidAddress, InvalidRequest) as error:
                refused[number] = error.message
                continue
            places[number] = (domain_id, url)
            # The first of several that are the same page counts.
            wanted.setdefault(domain_id, {}).setdefault(
                url, new_page(uuid4(), url, body, self._secret_key)
            )
        ids: dict[tuple[UUID, str], UUID] = {}
        new: set[UUID] = set()
        over: dict[tuple[UUID, str], str] = {}
        for domain_id, pages in wanted.items():
            within = await add_pages_within(
                self._session,
                self._org_id,
                domain_id,
                list(pages.values()),
                self._launcher.quotas,
            )
            added = within.pages
            if within.over_quota:
                reason = await page_quota_exceeded(
                    self._session, self._org_id, self._launcher.quotas
                )
                over.update({(domain_id, url): reason.message for url in within.over_quota})
            new.update(added.added)
            ids.update(
                {
                    (domain_id, page.url): page.id
                    for page in pages.values()
                    if page.id and (domain_id, page.url) not in over
                }
            )
            for known in await pages_at(self._session, domain_id, added.known):
                ids[domain_id, known.url] = known.id
            for page in pages.values():
                if page.id in new and page.schedule is not None:
                    await put(self._session, PageScheduleMessage.of(page.id, domain_id))
        for number in [number for number, place in places.items() if place in over]:
            refused[number] = over[places.pop(number)]
        return [
            self._verdict(body, refused.get(number), places.get(number), ids, new)
            for number, body in enumerate(asked)
        ]

    def _verdict(
        self,
        body: AddPageBody,
        reason: str | None,
        place: tuple[UUID, str] | None,
        ids: dict[tuple[UUID, str], UUID],
        new: set[UUID],
    ) -> ImportedPage:
        page_id = ids[place] if place else None
        verdict = ImportVerdict.REFUSED if page_id is None else ImportVerdict.KNOWN
        if page_id in new:
            verdict = ImportVerdict.ADDED
            new.remove(page_id)
        return ImportedPage(
            url=body.url,
            verdict=verdict,
            reason=reason,
            page_id=page_id,
            domain_id=place[0] if place else None,
        )

    async def _domain_of(self, url: str) -> UUID:
        """The id of the domain that has the page. Raises InvalidRequest if there is none."""
        origin = origin_of(url)
        known = self._known.get(key_of_origin(origin))
        if known is not None:
            return known
        site = watched_site(origin, self._settings)
        if not self._body.add_domains:
            raise InvalidRequest(f"{site.domain} is no domain of yours: add it, or set addDomains.")
        added = await self._add(ImportedDomainBody(domain=origin))
        assert added is not None, "the site can be watched"
        return added


@router.post("/import", responses=documented_errors(400, 402, 409, 413))
async def add(
    body: ImportBody,
    principal: PrincipalDep,
    settings: SettingsDep,
    launcher: LauncherDep,
    secret_key: SecretKeyDep,
    delivery: DeliveryDep,
    idempotency: IdempotencyDep,
) -> ImportAnswer:
    """Add up to 1,000 pages of any domains at once.

    What the organisation has already stays as it is. An import that is sent again adds nothing.
    """
    if not body.pages and not body.domains:
        sentence = "Give pages or domains to import."
        raise InvalidRequest(sentence, {"pages": sentence})

    async def accept(session: AsyncSession, _: UUID) -> Import:
        importer = _Importer(session, principal.org_id, body, settings, launcher, secret_key)
        return await importer.run()

    done = await idempotency.once(accept, Import)
    await _deliver(delivery, body, done)
    return ImportAnswer(data=done)


async def _deliver(delivery: Delivery, body: ImportBody, done: Import) -> None:
    """Make the schedules and start the discoveries of what is new.

    The import is done. If Temporal is away, the reconciler does this later.
    """
    new = [each.domain_id for each in done.domains if each.verdict is ImportVerdict.ADDED]
    new += [
        page.page_id
        for page, asked in zip(done.pages, body.pages or (), strict=True)
        if page.verdict is ImportVerdict.ADDED and asked.schedule is not None
    ]
    subjects = [each for each in new[:PROMPT_DELIVERIES] if each is not None]
    with suppress(DiffyError):
        for start in range(0, len(subjects), DELIVERY_BATCH_SIZE):
            some = subjects[start : start + DELIVERY_BATCH_SIZE]
            await asyncio.gather(*(delivery.deliver(each) for each in some))
