"""What a request is handled with: who asks, the services, and the ids in its path."""

from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

from fastapi import Depends, FastAPI, Path, Request
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send
from temporalio.client import Client

from api.launch import Launcher
from api.routing import has_route
from core.errors import NotFound, Unauthorized
from core.settings import Settings
from store.db.engine import Database
from store.keys import organisation_of
from store.secretkey import SecretKey
from temporal.delivery import Delivery
from temporal.jobs.actions import JobActions
from temporal.jobs.reader import JobReader
from temporal.jobs.watch import JobWatch

PROTECTED = "/api/"
"""Where the paths begin that need a key."""


@dataclass(frozen=True)
class Principal:
    """Who asks."""

    org_id: UUID


@dataclass(frozen=True)
class Services:
    """What the application was made of."""

    settings: Settings
    client: Client
    database: Database
    launcher: Launcher
    delivery: Delivery
    reader: JobReader
    actions: JobActions
    watch: JobWatch
    secret_key: SecretKey


def services_of(app: FastAPI) -> Services:
    """The services of `app`."""
    services: Services = app.state.services
    return services


class Authentication:
    """Middleware that lets nobody without a key to a route under `PROTECTED`.

    It is no dependency, because FastAPI reads and parses the body before the first of them.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection. Raises Unauthorized."""
        if scope["type"] == "http" and scope["path"].startswith(PROTECTED):
            app: FastAPI = scope["app"]
            try:
                principal = await _principal(app, Headers(scope=scope))
            except Unauthorized:
                if has_route(app, scope):
                    raise
            else:
                scope.setdefault("state", {})["principal"] = principal
        await self._app(scope, receive, send)


async def _principal(app: FastAPI, headers: Headers) -> Principal:
    """Whose key the `Authorization` header holds (RFC 6750, 2.1)."""
    scheme, _, key = headers.get("authorization", "").partition(" ")
    key = key.strip(" ")
    if scheme.lower() != "bearer" or not key:
        raise Unauthorized("Send an API key: Authorization: Bearer <key>.")
    async with services_of(app).database.reading() as session:
        return Principal((await organisation_of(session, key)).id)


async def principal(request: Request) -> Principal:
    """Who asks, as `Authentication` has found."""
    found: Principal = request.state.principal
    return found


async def settings(request: Request) -> Settings:
    """The settings."""
    return services_of(request.app).settings


async def client(request: Request) -> Client:
    """The connection to Temporal."""
    return services_of(request.app).client


async def database(request: Request) -> Database:
    """The database."""
    return services_of(request.app).database


async def launcher(request: Request) -> Launcher:
    """What says which jobs to start."""
    return services_of(request.app).launcher


async def delivery(request: Request) -> Delivery:
    """What tells Temporal."""
    return services_of(request.app).delivery


async def reader(request: Request) -> JobReader:
    """What reads jobs."""
    return services_of(request.app).reader


async def watch(request: Request) -> JobWatch:
    """What waits for jobs."""
    return services_of(request.app).watch


async def actions(request: Request) -> JobActions:
    """What acts on jobs."""
    return services_of(request.app).actions


async def secret_key(request: Request) -> SecretKey:
    """What seals secrets."""
    return services_of(request.app).secret_key


PrincipalDep = Annotated[Principal, Depends(principal)]
SettingsDep = Annotated[Settings, Depends(settings)]
ClientDep = Annotated[Client, Depends(client)]
DatabaseDep = Annotated[Database, Depends(database)]
LauncherDep = Annotated[Launcher, Depends(launcher)]
DeliveryDep = Annotated[Delivery, Depends(delivery)]
ReaderDep = Annotated[JobReader, Depends(reader)]
WatchDep = Annotated[JobWatch, Depends(watch)]
ActionsDep = Annotated[JobActions, Depends(actions)]
SecretKeyDep = Annotated[SecretKey, Depends(secret_key)]

PathId = Annotated[str, Path(json_schema_extra={"format": "uuid"})]
"""An id in a path, not parsed yet: one that is malformed is not found, as an unknown one is."""


async def domain_id(domain_id: PathId) -> UUID:
    """The id of a domain in the path. Raises NotFound when it is malformed."""
    return _parsed(domain_id, "Domain")


async def page_id(page_id: PathId) -> UUID:
    """The id of a page in the path. Raises NotFound when it is malformed."""
    return _parsed(page_id, "Page")


async def batch_id(batch_id: PathId) -> UUID:
    """The id of a batch in the path. Raises NotFound when it is malformed."""
    return _parsed(batch_id, "Batch")


async def change_id(change_id: PathId) -> UUID:
    """The id of a change in the path. Raises NotFound when it is malformed."""
    return _parsed(change_id, "Change")


async def snapshot_id(snapshot_id: PathId) -> UUID:
    """The id of a snapshot in the path. Raises NotFound when it is malformed."""
    return _parsed(snapshot_id, "Snapshot")


async def backtest_id(backtest_id: PathId) -> UUID:
    """The id of a backtest in the path. Raises NotFound when it is malformed."""
    return _parsed(backtest_id, "Backtest")


DomainIdDep = Annotated[UUID, Depends(domain_id)]
PageIdDep = Annotated[UUID, Depends(page_id)]
BatchIdDep = Annotated[UUID, Depends(batch_id)]
ChangeIdDep = Annotated[UUID, Depends(change_id)]
SnapshotIdDep = Annotated[UUID, Depends(snapshot_id)]
BacktestIdDep = Annotated[UUID, Depends(backtest_id)]


def _parsed(text: str, kind: str) -> UUID:
    """The UUID that `text` writes in the usual form, of the several that `UUID` reads."""
    try:
        found = UUID(text)
    except ValueError:
        found = None
    if found is None or str(found) != text.lower():
        raise NotFound(f"{kind} not found.")
    return found
