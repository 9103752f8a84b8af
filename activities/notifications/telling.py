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

    async def tell(self, *change_ids: UUID) -> None:
        """Have stored changes told. Raises nothing: the check that found them is done."""
        for change_id in change_ids:
            try:
                await self._delivery.deliver(change_id)
            except (Unavailable, RateLimited) as error:
                # What is away for one is away for all: each would wait for it.
                log.warning("telling change %s has to wait: %s", change_id, error.message)
                return
            except Exception:
                log.exception("change %s cannot be told", change_id)
