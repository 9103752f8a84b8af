"""The quotas of organisations, for the command line of the operator."""

from collections.abc import Mapping

from cli.keys import opened
from core.errors import NotFound
from core.settings import Settings
from store.quotas import OrganisationRow, all_quotas, set_quota


async def listed(settings: Settings) -> list[OrganisationRow]:
    """Every organisation with its own quotas, by name."""
    async with opened(settings) as database, database.reading() as session:
        return await all_quotas(session)


async def change(settings: Settings, org_name: str, figures: Mapping[str, int | None]) -> None:
    """Set quotas of the organisation by their columns; None for the default.

    Raises NotFound if there is no organisation of that name.
    """
    async with opened(settings) as database, database.transaction() as session:
        for name, figure in figures.items():
            if not await set_quota(session, org_name, name, figure):
                raise NotFound(f"There is no organisation {org_name}: `diffy keys list` names all.")
