"""Whether the service can do its work: for load balancers and supervisors."""

import asyncio
from datetime import timedelta
from typing import Final, Literal

from fastapi import APIRouter

from api.deps import ClientDep, DatabaseDep
from core.errors import Unavailable
from core.model import Model

PATIENCE: Final = timedelta(seconds=3)
"""How long Temporal and the database may take to answer."""

router = APIRouter(tags=["health"])


class HealthAnswer(Model):
    """Temporal and the database answer."""

    status: Literal["ok"] = "ok"


@router.get("/health")
async def health(client: ClientDep, database: DatabaseDep) -> HealthAnswer:
    """Whether Temporal and the database can be reached."""
    try:
        async with asyncio.timeout(PATIENCE.total_seconds()):
            await database.ping()
            serving = await client.service_client.check_health(timeout=PATIENCE)
    except TimeoutError:
        raise Unavailable("Temporal or the database does not answer in time.") from None
    if not serving:
        raise Unavailable("Temporal does not serve requests now.")
    return HealthAnswer()
