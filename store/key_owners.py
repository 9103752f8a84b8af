"""Whose an API key is, looked up once for all requests that ask at the same moment."""

from core.shared_reads import SharedReads
from store.db.engine import Database
from store.keys import KeyOwner, owner_of_key


class KeyOwners:
    """The owners of keys, as the store has them now: a revoked key is refused from then on."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._owners = SharedReads(self._owner_of)

    async def of(self, key: str) -> KeyOwner:
        """The owner of the key, by a look that begins after this call.

        Raises Unauthorized if the key is unknown, revoked or expired, and Unavailable.
        """
        return await self._owners.get(key)

    async def _owner_of(self, key: str) -> KeyOwner:
        async with self._database.reading() as session:
            return await owner_of_key(session, key)
