"""Feeds: changes at an address that a feed reader knows, with a token in place of an API key."""

import asyncio
from datetime import UTC, datetime
from importlib.metadata import version as version_of_package
from typing import Annotated, Final
from uuid import UUID

from fastapi import APIRouter, Request, Response
from pydantic import Field
from sqlalchemy.ext.asyncio import AsyncSession

from api.conditional import entity_tag, tagged, unchanged
from api.deps import DatabaseDep, FeedIdDep, KnownMatchesDep, PrincipalDep, SettingsDep
from api.errors import documented_errors
from api.idempotency import IdempotencyDep
from api.limits import JsonBody, example
from api.paging import ListMeta, PagingDep
from api.tags import Tag
from core.alerts.feed import MEDIA_TYPE, feed_of
from core.errors import InvalidRequest
from core.model import Model, UtcTime
from store.alerts import unknown_alerts, unknown_domains
from store.feeds import (
    changes_of_feed,
    delete_feed,
    feed_of_token,
    get_feed,
    list_feeds,
    new_token,
    version_of,
)
from store.keys import hash_of
from store.tables.feeds import Feed, FeedKind
from store.told_changes import describe_changes, differences_of

router = APIRouter(prefix="/api/feeds", tags=["feeds"])
public = APIRouter()

RELEASE: Final = version_of_package("diffy-jobs")
"""Another release may show a change in another way."""

Id = Annotated[UUID, Field(strict=False)]


class AddFeedBody(JsonBody):
    """A feed: of a domain, a tag or an alert, or of the whole organisation."""

    model_config = example(name="Competitors", tag="rivals")

    name: Annotated[str, Field(min_length=1, max_length=200)]
    domain_id: Id | None = None
    tag: Tag | None = None
    alert_id: Id | None = None

    @property
    def kind(self) -> FeedKind:
        """What the feed is of. Raises InvalidRequest if that is more than one thing."""
        given = {
            "domainId": (self.domain_id, FeedKind.DOMAIN),
            "tag": (self.tag, FeedKind.TAG),
            "alertId": (self.alert_id, FeedKind.ALERT),
        }
        named = {name: kind for name, (value, kind) in given.items() if value is not None}
        if len(named) > 1:
            sentence = "A feed is of one domain, one tag or one alert."
            raise InvalidRequest(sentence, dict.fromkeys(named, sentence))
        return next(iter(named.values()), FeedKind.ORGANISATION)


class FeedView(Model):
    """A feed. Its address is shown once, when it is added."""

    id: UUID
    name: str
    kind: FeedKind
    domain_id: UUID | None
    tag: str | None
    alert_id: UUID | None
    created_at: UtcTime


class FeedWithUrl(FeedView):
    """A new feed. `url` is null if the request was a repetition: the address is shown once."""

    url: str | None


class FeedUrlAnswer(Model):
    """A feed with its address."""

    data: FeedWithUrl


class FeedAnswer(Model):
    """One feed."""

    data: FeedView


class FeedListAnswer(Model):
    """A page of feeds."""

    data: list[FeedView]
    meta: ListMeta


def feed_view(feed: Feed) -> FeedView:
    """A feed as the API shows it."""
    return FeedView(
        id=feed.id,
        name=feed.name,
        kind=feed.kind,
        domain_id=feed.domain_id,
        tag=feed.tag,
        alert_id=feed.alert_id,
        created_at=feed.created_at,
    )


@router.get("", responses=documented_errors(400))
async def list_all(
    principal: PrincipalDep, paging: PagingDep, database: DatabaseDep
) -> FeedListAnswer:
    """The feeds, newest first."""
    async with database.reading() as session:
        found = await list_feeds(session, principal.org_id, paging.request)
    return FeedListAnswer(data=[feed_view(each) for each in found.rows], meta=paging.meta(found))


@router.post("", status_code=201, responses=documented_errors(400, 409, 413))
async def add(
    body: AddFeedBody,
    principal: PrincipalDep,
    settings: SettingsDep,
    idempotency: IdempotencyDep,
) -> FeedUrlAnswer:
    """Add a feed. The answer has its address, this once: whoever knows it can read the feed."""
    kind = body.kind
    token: str | None = None

    async def accept(session: AsyncSession, seed: UUID) -> FeedView:
        nonlocal token
        for field, noun, unknown, given in (
            ("domainId", "domain", unknown_domains, body.domain_id),
            ("alertId", "alert", unknown_alerts, body.alert_id),
        ):
            if given is not None and await unknown(session, principal.org_id, [given]):
                sentence = f"There is no {noun} {given}."
                raise InvalidRequest(sentence, {field: sentence})
        token = new_token()
        feed = Feed(
            id=seed,
            org_id=principal.org_id,
            name=body.name,
            kind=kind,
            domain_id=body.domain_id,
            tag=body.tag,
            alert_id=body.alert_id,
            token_hash=hash_of(token),
            created_at=datetime.now(UTC),
        )
        session.add(feed)
        await session.flush()
        return feed_view(feed)

    # Answers are kept for a week: what is kept has no token.
    view = await idempotency.once(accept, FeedView)
    url = None if token is None else address_of(settings.resolved_public_url, token)
    return FeedUrlAnswer(data=FeedWithUrl(**dict(view), url=url))


@router.get("/{feed_id}", responses=documented_errors(404))
async def get(feed_id: FeedIdDep, principal: PrincipalDep, database: DatabaseDep) -> FeedAnswer:
    """One feed."""
    async with database.reading() as session:
        return FeedAnswer(data=feed_view(await get_feed(session, principal.org_id, feed_id)))


@router.delete("/{feed_id}", status_code=204, responses=documented_errors(404))
async def delete(feed_id: FeedIdDep, principal: PrincipalDep, database: DatabaseDep) -> None:
    """Revoke a feed: its address answers 404 from now on."""
    async with database.transaction() as session:
        await delete_feed(session, principal.org_id, feed_id)


def address_of(public_url: str, token: str) -> str:
    """The address of the feed with this token."""
    return f"{public_url}/feeds/{token}"


@public.get("/feeds/{token}")
async def read(
    token: str,
    request: Request,
    database: DatabaseDep,
    settings: SettingsDep,
    known: KnownMatchesDep,
) -> Response:
    """The Atom feed at this address, or 304 if the reader has it already."""
    url = settings.resolved_public_url
    address = address_of(url, token)
    async with database.reading() as session:
        feed = await feed_of_token(session, token)
        version = await version_of(session, feed)
        etag = entity_tag(f"{RELEASE} {address} {version}".encode())
        answer = unchanged(request, etag)
        if answer is None:
            changes = await changes_of_feed(session, feed, version, known)
            told = await describe_changes(session, changes, url)
            differences = await differences_of(session, [each.id for each in changes])
    if answer is None:
        body = await asyncio.to_thread(
            feed_of,
            told,
            differences,
            feed_id=feed.id,
            title=feed.name,
            created_at=feed.created_at,
            address=address,
            pages={each.id: f"{url}/changes/{each.id}" for each in told},
        )
        answer = tagged(body, etag, f"{MEDIA_TYPE}; charset=utf-8")
    answer.headers["Referrer-Policy"] = "no-referrer"
    answer.headers["X-Robots-Tag"] = "noindex"
    return answer
