"""What is no news of a page any more, because it changed in most of its crawls."""

from fastapi import APIRouter

from api.deps import DatabaseDep, PageIdDep, PrincipalDep
from api.errors import documented_errors
from core.model import Model, UtcTime
from store.page_lines import delete_muted_lines, muted_lines
from store.pages import get_page

router = APIRouter(prefix="/api/pages", tags=["pages"])


class MutedRegion(Model):
    """A line of a page by the words that stay, with an ellipsis where others stood, and the
    heading that it stands below.
    """

    section: str | None
    words: str
    muted_at: UtcTime


class MutedListAnswer(Model):
    """The muted regions of a page."""

    data: list[MutedRegion]


@router.get("/{page_id}/muted", responses=documented_errors(404))
async def list_of_page(
    page_id: PageIdDep, principal: PrincipalDep, database: DatabaseDep
) -> MutedListAnswer:
    """The regions of the page whose changes are not reported."""
    async with database.reading() as session:
        page = await get_page(session, principal.org_id, page_id)
        found = await muted_lines(session, page.id)
    return MutedListAnswer(
        data=[
            MutedRegion(section=each.section, words=each.words, muted_at=each.muted_at)
            for each in found
            if each.muted_at is not None
        ]
    )


@router.delete("/{page_id}/muted", status_code=204, responses=documented_errors(404))
async def reset(page_id: PageIdDep, principal: PrincipalDep, database: DatabaseDep) -> None:
    """Forget what was learned of the page: its changes are reported again, wherever they are."""
    async with database.transaction() as session:
        page = await get_page(session, principal.org_id, page_id)
        await delete_muted_lines(session, page.id)
