"""Which site a page or a domain is of, as the API tells sites apart."""

from urllib.parse import urlsplit

from core.web.hash_routes import is_route

Site = tuple[str, int | None]


def site_of_page(url: str) -> Site | None:
    """The host without `www.`, and a port that is not the usual one; None if there is no host."""
    try:
        parts = urlsplit(url.strip())
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    if not host:
        return None
    return (host.removeprefix("www."), None if port in (80, 443) else port)


def site_of_domain(name: str) -> Site | None:
    """The same of a domain, which may be written without its scheme."""
    return site_of_page(name if "://" in name else f"https://{name}")


def route_of_page(url: str) -> str:
    """The hash route in the address of a page; empty if it has none, or names a section alone."""
    fragment = urlsplit(url).fragment
    return fragment if is_route(fragment) else ""
