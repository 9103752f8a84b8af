"""`diffy prices`: what the pages of a site cost, and have cost."""

import click

from cli.client.errors import BadUsage
from cli.client.find import find_domain, find_page
from cli.client.output import Column, Format, Kind
from cli.client.session import Session, examples, limited, printing

COLUMNS = (
    Column("url", "PAGE"),
    Column("plan", "PLAN"),
    Column("amount", "AMOUNT", Kind.NUMBER),
    Column("currency", "CURRENCY"),
    Column("period", "PERIOD"),
    Column("current", "CURRENT", Kind.WORD),
    Column("firstSeenAt", "FIRST SEEN", Kind.TIME),
    Column("lastSeenAt", "LAST SEEN", Kind.TIME, wide=True),
    Column("endedAt", "ENDED", Kind.TIME),
)


@click.command(
    epilog=examples(
        "diffy prices shop.example --current",
        "diffy prices --page https://shop.example/pricing --plan Pro --all --csv",
    )
)
@click.argument("domain", required=False)
@click.option("--page", metavar="PAGE", help="Only of this page, an id or a URL.")
@click.option("--plan", metavar="PLAN", help="Only of this plan, as the list names it.")
@click.option("--current/--former", default=None, help="Only those that hold, or that do not.")
@limited
@printing
def prices(
    session: Session,
    domain: str | None,
    page: str | None,
    plan: str | None,
    current: bool | None,
    limit: int | None,
) -> None:
    """List the prices that the pages of DOMAIN, an id or a name, show and have shown."""
    if page is not None:
        path = f"/api/pages/{find_page(session.api, page, domain)['id']}/prices"
    elif domain is not None:
        path = f"/api/domains/{find_domain(session.api, domain)['id']}/prices"
    else:
        raise BadUsage("Give a domain, or --page. `diffy domains list` shows the domains.")
    found = session.api.list(path, limit, current=current, plan=plan)
    session.output.rows(found.rows, COLUMNS)
    session.say_what_is_left(found)
    if not found.total and session.output.format is Format.TABLE:
        session.output.note("No price matches. A crawl of a page that names prices finds them.")
