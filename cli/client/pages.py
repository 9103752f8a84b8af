"""`diffy pages`: the pages of a site."""

import click

from cli.client.api import Row
from cli.client.crawl_settings import crawl_setting_options, with_settings
from cli.client.domains import confirm
from cli.client.errors import BadUsage
from cli.client.find import find_domain, find_page
from cli.client.output import Column, Format, Kind
from cli.client.session import Session, examples, limited, printing, search_option
from cli.client.watching_options import (
    schedule_options,
    tag_option,
    tagged_option,
    tags_body,
    untag_option,
)

COLUMNS = (
    Column("id", "ID", Kind.ID),
    Column("url", "PAGE"),
    Column("pageType", "TYPE"),
    Column("status", "STATUS", Kind.WORD),
    Column("monitoringEnabled", "MONITORED", Kind.WORD),
    Column("lastCheckAt", "LAST CHECK", Kind.TIME),
    Column("lastChangeAt", "LAST CHANGE", Kind.TIME),
    Column("tags", "TAGS"),
)
DETAILS = (
    *COLUMNS,
    Column("schedule", "SCHEDULE"),
    Column("nextCrawlAt", "NEXT CHECK", Kind.TIME),
    Column("domainId", "DOMAIN"),
    Column("crawlSettings", "CRAWL SETTINGS"),
)

type_option = click.option("--type", "page_type", metavar="TYPE", help="Such as pricing, docs.")
monitor_option = click.option(
    "--monitor/--no-monitor", default=None, help="Whether a crawl of the domain checks it."
)


@click.group()
def pages() -> None:
    """List, add and edit the pages of a site."""


@pages.command(
    "list",
    epilog=examples(
        "diffy pages list shop.example", "diffy pages list shop.example --tag plans --all --csv"
    ),
)
@click.argument("domain")
@tagged_option
@search_option
@limited
@printing
def list_pages(
    session: Session, domain: str, tag: str | None, search: str | None, limit: int | None
) -> None:
    """List the pages of DOMAIN, an id or a name, newest first."""
    owner = find_domain(session.api, domain)
    found = session.api.list(f"/api/domains/{owner['id']}/pages", limit, tag=tag, q=search)
    session.output.rows(found.rows, COLUMNS)
    session.say_what_is_left(found)
    if not found.total and session.output.format is Format.TABLE:
        name = owner["domain"]
        if tag is not None or search is not None:
            session.output.note(
                f"No page of {name} matches. `diffy pages list {name} --all` shows all."
            )
            return
        session.output.note(f"{name} has no pages yet. `diffy discover {name} --wait` finds them.")


@pages.command(
    epilog=examples(
        "diffy pages add shop.example https://shop.example/offers",
        "diffy pages add shop.example https://shop.example/plans --type pricing "
        "--set watchSelector=main",
    )
)
@click.argument("domain")
@click.argument("url")
@type_option
@monitor_option
@schedule_options
@tag_option
@crawl_setting_options
@printing
def add(
    session: Session,
    domain: str,
    url: str,
    page_type: str | None,
    monitor: bool | None,
    schedule: Row,
    tags: tuple[str, ...],
    chosen: tuple[str, ...],
    unset: tuple[str, ...],
) -> None:
    """Add the page at URL to DOMAIN, an id or a name."""
    fields: Row = {"url": url, "pageType": page_type, "monitoringEnabled": monitor}
    body = {**with_settings(fields, chosen, unset), **schedule, **tags_body((), tags, ())}
    owner = find_domain(session.api, domain)
    path = f"/api/domains/{owner['id']}/pages"
    session.output.one(session.api.post(path, body), DETAILS)


@pages.command(epilog=examples("diffy pages show https://shop.example/pricing"))
@click.argument("page")
@printing
def show(session: Session, page: str) -> None:
    """Show PAGE, an id or a URL."""
    session.output.one(find_page(session.api, page), DETAILS)


@pages.command(
    epilog=examples(
        "diffy pages edit https://shop.example/pricing --set watchSelector=main",
        "diffy pages edit https://shop.example/pricing --no-monitor",
        "diffy pages edit https://shop.example/pricing --every-minutes 15 --tag plans",
        "diffy pages edit https://shop.example/pricing --no-schedule --untag plans",
    )
)
@click.argument("page")
@type_option
@monitor_option
@schedule_options
@tag_option
@untag_option
@crawl_setting_options
@printing
def edit(
    session: Session,
    page: str,
    page_type: str | None,
    monitor: bool | None,
    schedule: Row,
    tags: tuple[str, ...],
    untagged: tuple[str, ...],
    chosen: tuple[str, ...],
    unset: tuple[str, ...],
) -> None:
    """Change PAGE, an id or a URL; what is not given stays."""
    fields: Row = {"pageType": page_type, "monitoringEnabled": monitor}
    body = {**with_settings(fields, chosen, unset), **schedule}
    if not (body or tags or untagged):
        raise BadUsage("Nothing to change was given; `diffy pages edit --help` shows what can be.")
    found = find_page(session.api, page)
    body |= tags_body(found["tags"], tags, untagged)
    session.output.one(session.api.patch(f"/api/pages/{found['id']}", body), DETAILS)


@pages.command(epilog=examples("diffy pages rm https://shop.example/pricing --yes"))
@click.argument("page")
@click.option("--yes", is_flag=True, help="Do not ask.")
@printing
def rm(session: Session, page: str, yes: bool) -> None:
    """Delete PAGE, an id or a URL, with its snapshots and changes."""
    found = find_page(session.api, page)
    confirm(f"Delete {found['url']} and its changes?", yes)
    session.api.delete(f"/api/pages/{found['id']}")
