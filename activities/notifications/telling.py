"""Has stored changes told at once."""

import logging
from uuid import UUID

from core.errors import RateLimited, Unavailable
from temporal.delivery import Delivery

log = logging.getLogger(__name__)


class Teller:
    """Delivers the messages about changes that were stored a moment ago.

    What cannot be delivered now stays in the outbox, from which the reconciler takes it.
    """

    def __init__(self, delivery: Delivery) -> None:
        self._delivery = delivery

    async def tell(self, change_id: UUID) -> None:
        """Have a stored change told. Raises nothing: the check that found it is done."""
        try:
            await self._delivery.deliver(change_id)
        except (Unavailable, RateLimited) as error:
            log.warning("telling change %s has to wait: %s", change_id, error.message)
        except Exception:
            log.exception("change %s cannot be told", change_id)
