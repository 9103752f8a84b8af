"""Health check for load balancers and supervisors."""

import asyncio
from datetime import timedelta
from typing import Final, Literal

from fastapi import APIRouter

from api.deps import ClientDep, DatabaseDep
from core.errors import Unavailable
from core.model import Model

HEALTH_TIMEOUT: Final = timedelta(seconds=3)
"""For the answers of Temporal and the database."""

router = APIRouter(tags=["health"])


class HealthAnswer(Model):
    """Temporal and the database answer."""

    status: Literal["ok"] = "ok"


@router.get("/health")
async def health(client: ClientDep, database: DatabaseDep) -> HealthAnswer:
    """Whether Temporal and the database can be reached."""
    try:
        async with asyncio.timeout(HEALTH_TIMEOUT.total_seconds()):
            await database.ping()
            serving = await client.service_client.check_health(timeout=HEALTH_TIMEOUT)
    except TimeoutError:
        raise Unavailable("Temporal or the database does not answer in time.") from None
    if not serving:
        raise Unavailable("Temporal does not serve requests now.")
    return HealthAnswer()
