"""The application: routes, middleware, documentation, services."""

from typing import Final

from fastapi import APIRouter, FastAPI, Security
from fastapi.exceptions import RequestValidationError
from fastapi.security import HTTPBearer
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.routing import BaseRoute
from temporalio.client import Client

from api.auditing import Auditing
from api.cors import ApiCors
from api.deps import Authentication, MainTexts, OwnWrites, Services
from api.documentation import DocumentedApi, operation_id
from api.errors import NO_OTHER_ERRORS, ErrorAnswers, documented_errors
from api.key_limits import KeyLimits, QuotaHeaders
from api.limits import BodyLimit, HeadLimit
from api.measuring import Measuring
from api.parameters import UnknownParameters, parameters_of
from api.request_ids import RequestIds
from api.routes import (
    alerts,
    audit,
    backtests,
    batches,
    change_muting,
    changes,
    channels,
    deliveries,
    domains,
    events,
    feeds,
    health,
    imports,
    job_events,
    jobs,
    keys,
    muting,
    pages,
    prices,
    quota,
    snapshots,
    unsubscribing,
    watching,
)
from api.tracing import Tracing
from api.web.faults import answer_any_fault
from api.web.routes import account, assets, docs, live, sign_in
from api.web.routes import alerts as alert_pages
from api.web.routes import changes as change_pages
from api.web.routes import channels as channel_pages
from api.web.routes import deliveries as delivery_pages
from api.web.routes import domains as domain_pages
from api.web.routes import feeds as feed_pages
from api.web.routes import jobs as job_pages
from api.web.routes import pages as page_pages
from api.web.routes import selecting as selecting_pages
from api.web.routes import settings as setting_pages
from core.settings import Settings
from core.tracing import is_tracing
from store.audit_log import AuditLog
from store.db.engine import Database
from store.disk import data_folders
from store.feeds import KnownMatches
from store.key_owners import KeyOwners
from store.key_uses import KeyUses
from store.outbox import DatabaseOutbox
from store.secretkey import SecretKey
from temporal.delivery import Delivery
from temporal.jobs.actions import JobActions
from temporal.jobs.messages import Launcher
from temporal.jobs.reader import JobReader
from temporal.jobs.watch import JobWatch
from temporal.readiness import Readiness

ROUTERS: Final = (
    domains.router,
    imports.router,
    pages.router,
    prices.router,
    muting.router,
    changes.router,
    change_muting.router,
    snapshots.router,
    channels.router,
    alerts.router,
    feeds.router,
    deliveries.router,
    backtests.router,
    jobs.router,
    batches.router,
    job_events.router,
    events.router,
    watching.router,
    keys.router,
    quota.router,
    audit.router,
)
"""The routers that require an API key."""

PARAMETERS: Final = parameters_of(ROUTERS)

PAGES: Final = (
    sign_in.router,
    assets.router,
    docs.router,
    live.router,
    change_pages.router,
    domain_pages.router,
    page_pages.router,
    selecting_pages.router,
    setting_pages.router,
    job_pages.router,
    alert_pages.router,
    channel_pages.router,
    delivery_pages.router,
    feed_pages.router,
    account.router,
)
"""The routers of the web page, which is no part of the documented API."""


def _routes() -> list[BaseRoute]:
    router = APIRouter(
        responses={**documented_errors(408, 413, 429, 431, 500, 503), **NO_OTHER_ERRORS},
        generate_unique_id_function=operation_id,
    )
    # For the OpenAPI document only: `Authentication` checks the key.
    bearer = Security(HTTPBearer(auto_error=False, description="An API key of `diffy keys`."))
    for each in ROUTERS:
        router.include_router(each, dependencies=[bearer], responses=documented_errors(401))
    router.include_router(health.router)
    # Whoever knows such an address may use it, without a key.
    for each in (feeds.public, unsubscribing.public):
        router.include_router(each, include_in_schema=False)
    for each in PAGES:
        router.include_router(each, include_in_schema=False)
    return router.routes


ROUTES: Final = _routes()
"""All routes, shared by all applications: they hold no state, and FastAPI takes an eighth of a
second to build their handlers at the first request.
"""


def create_app(
    settings: Settings, client: Client, database: Database, main_texts: MainTexts
) -> FastAPI:
    """The API on `client`, `database` and `main_texts`. The caller closes them."""
    app = DocumentedApi(
        title="Diffy Jobs",
        summary="Watches web sites for changes, as durable jobs whose state is always true.",
        version="1.0",
        docs_url=None,  # FastAPI's page loads its parts from another host
        redoc_url=None,
        redirect_slashes=False,
        # Its own spans have paths and queries, which may hold keys; `Tracing` has routes.
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
        routes=ROUTES,
        exception_handlers={
            HTTPException: answer_any_fault,
            RequestValidationError: answer_any_fault,
        },
        middleware=[
            Middleware(RequestIds),
            *([Middleware(Tracing)] if is_tracing() else []),
            *(
                [Middleware(ApiCors, origins=settings.cors_origin_list)]
                if settings.cors_origin_list
                else []
            ),
            *([Middleware(QuotaHeaders)] if settings.key_requests_per_minute else []),
            Middleware(Measuring),
            Middleware(Auditing),
            Middleware(ErrorAnswers, answer=answer_any_fault),
            Middleware(HeadLimit),
            Middleware(Authentication),
            Middleware(UnknownParameters, parameters=PARAMETERS),
            Middleware(OwnWrites),
            Middleware(BodyLimit),
        ],
    )
    reader = JobReader(client, database)
    app.state.services = Services(
        settings=settings,
        client=client,
        database=database,
        launcher=Launcher(settings.max_attempts, settings.quotas),
        delivery=Delivery(client, DatabaseOutbox(database), settings.max_attempts),
        reader=reader,
        actions=JobActions(client, reader, database),
        watch=JobWatch(client, reader, database),
        secret_key=SecretKey(settings),
        main_texts=main_texts,
        readiness=Readiness(client, database, data_folders(settings)),
        known_matches=KnownMatches(),
        key_owners=KeyOwners(database),
        key_uses=KeyUses(database),
        audit_log=AuditLog(database),
        key_limits=KeyLimits(settings.key_requests_per_minute),
    )
    return app
