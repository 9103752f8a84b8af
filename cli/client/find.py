"""What an argument names: an id, the beginning of one, a domain's name, a page's address."""

from collections.abc import Iterable
from itertools import islice
from typing import Final
from urllib.parse import urlsplit
from uuid import UUID

from cli.client.api import Api, NotFoundError, Row
from cli.client.errors import BadUsage
from cli.client.imports.sites import Site, route_of_page, site_of_domain, site_of_page
from cli.client.terminal_text import one_line

NEWEST: Final = 1_000
"""Rows among which the beginning of an id is looked for."""

SHORTEST_BEGINNING: Final = 4


def find_domain(api: Api, name: str) -> Row:
    """The domain with that id, beginning of an id, name or address."""
    if whole_id(name):
        return _with_id(api, f"/api/domains/{name}", "diffy domains list")
    wanted = _site(name)
    known = list(api.walk("/api/domains"))
    called = [each for each in known if wanted == _site(each["domain"])]
    called = called or [each for each in known if each["displayName"] == name]
    called = called or _beginning(known, name)
    if not called and _is_of_a_site(name):
        called = _with_site(known, site_of_domain(name))
    return _one_of(called, _no_domain(name), name)


def find_page(api: Api, name: str, domain: str | None = None) -> Row:
    """The page with that id or address, or with that path on `domain`."""
    if whole_id(name):
        return _with_id(api, f"/api/pages/{name}", "diffy pages list DOMAIN")
    site = site_of_page(name) if "://" in name else None
    if domain is not None:
        owners = [find_domain(api, domain)]
    elif site is not None:
        owners = _with_site(api.walk("/api/domains"), site)
        if not owners:
            parts = urlsplit(name)
            raise NotFoundError(_no_domain(f"{parts.scheme}://{parts.netloc}"))
    else:
        raise BadUsage(
            f"{name} is not the id or the address of a page. `diffy pages list DOMAIN` shows them."
        )
    path = _path(name)
    pages = [
        page
        for owner in owners
        for page in api.walk(f"/api/domains/{owner['id']}/pages")
        if _path(page["url"]) == path and site in (None, site_of_page(page["url"]))
    ]
    # http and https, and www., are the same site, which may still have pages at both.
    pages = [page for page in pages if page["url"] == name] or pages
    # A route is a page of its own; a section of a page is not.
    route = route_of_page(name)
    routed = [page for page in pages if route_of_page(page["url"]) == route]
    pages = routed if route else routed or pages
    here = owners[0]["domain"]
    return _one_of(
        pages,
        f"{here} has no page {name}. `diffy pages list {here}` shows those there are; "
        f"`diffy pages add {here} URL` adds one.",
        name,
    )


def find_change(api: Api, name: str) -> Row:
    """The change with that id, or the newest ones' with that beginning."""
    if whole_id(name):
        return _with_id(api, f"/api/changes/{name}", "diffy changes list")
    row = _one_of(
        _beginning(islice(api.walk("/api/changes"), NEWEST), name),
        f"There is no change {name}. `diffy changes list` shows those there are.",
        name,
    )
    return _with_id(api, f"/api/changes/{row['id']}", "diffy changes list")


def find_channel(api: Api, name: str) -> Row:
    """The channel with that id, beginning of an id, or name."""
    return _named(api, "/api/channels", name, "channel")


def find_alert(api: Api, name: str) -> Row:
    """The alert with that id, beginning of an id, or name."""
    return _named(api, "/api/alerts", name, "alert")


def find_feed(api: Api, name: str) -> Row:
    """The feed with that id, beginning of an id, or name."""
    return _named(api, "/api/feeds", name, "feed")


def find_delivery(api: Api, name: str) -> Row:
    """The delivery with that id, or the newest ones' with that beginning."""
    if whole_id(name):
        return _with_id(api, f"/api/deliveries/{name}", "diffy deliveries list")
    return _one_of(
        _beginning(islice(api.walk("/api/deliveries"), NEWEST), name),
        f"There is no delivery {name}. `diffy deliveries list` shows those there are.",
        name,
    )


def _named(api: Api, path: str, name: str, noun: str) -> Row:
    if whole_id(name):
        return _with_id(api, f"{path}/{name}", f"diffy {noun}s list")
    known = list(api.walk(path))
    called = [each for each in known if each["name"] == name]
    return _one_of(
        called or _beginning(known, name),
        f"There is no {noun} {name}. `diffy {noun}s list` shows those there are; "
        f"`diffy {noun}s add` adds one.",
        name,
    )


def find_job(api: Api, name: str) -> Row:
    """The job with that id."""
    return _with_id(api, f"/api/jobs/{job_path(name)}", "diffy jobs list")


def _with_id(api: Api, path: str, list_command: str) -> Row:
    try:
        found: Row = api.get(path)
    except NotFoundError as error:
        raise NotFoundError(f"{error.message} `{list_command}` shows those there are.") from error
    return found


def job_path(name: str) -> str:
    """The id of a job as a part of a path. Raises BadUsage for what no job is called."""
    if not name or not all(sign.isascii() and (sign.isalnum() or sign in "-_.~:") for sign in name):
        raise BadUsage(f"{name!r} is not the id of a job. `diffy jobs list` shows them.")
    return name


def whole_id(name: str) -> bool:
    """Whether the text is a UUID."""
    try:
        return len(name) >= 32 and bool(UUID(name))
    except ValueError:
        return False


def _beginning(rows: Iterable[Row], name: str) -> list[Row]:
    if len(name) < SHORTEST_BEGINNING:
        return []
    return [row for row in rows if row["id"].startswith(name.lower())]


def _one_of(found: list[Row], none: str, name: str) -> Row:
    if not found:
        raise NotFoundError(none)
    if len(found) > 1:
        ids = ", ".join(row["id"] for row in found[:5])
        raise BadUsage(f"{one_line(name)} can be {len(found)} of them; give an id: {ids}.")
    return found[0]


def _no_domain(name: str) -> str:
    return (
        f"There is no domain {name}. `diffy domains list` shows those there are; "
        f"`diffy domains add {name}` adds it."
    )


def _with_site(domains: Iterable[Row], site: Site | None) -> list[Row]:
    return [each for each in domains if site and site_of_domain(each["domain"]) == site]


def _is_of_a_site(name: str) -> bool:
    """Whether the text can be a site's address: that of a page must not stand for its domain."""
    return "/" not in name.partition("://")[2 if "://" in name else 0].rstrip("/")


def _site(name: str) -> str:
    """The name of a site as it is compared: https and a final slash go without saying."""
    return name.strip().lower().removeprefix("https://").rstrip("/")


def _path(url: str) -> str:
    parts = urlsplit(url)
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
