"""The scope of a discovery: which URLs of a site it takes, and why it excludes the others."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Final

from core.web.hash_routes import document_of
from core.web.urls import DEFAULT_PORTS, Site, host_of, port_of


class ExclusionReason(StrEnum):
    """Why a discovery excludes a URL."""

    INVALID_ADDRESS = "invalid_address"  # not an http(s) URL, or longer than 2,000 characters
    OTHER_HOST = "other_host"  # another host or port
    EXCLUDED = "excluded"  # by the request's include or exclude patterns
    TOO_DEEP = "too_deep"  # deeper than maxDepth
    OVER_LIMIT = "over_limit"  # maxPages was reached
    OVER_QUOTA = "over_quota"  # the organisation has no room for more pages
    BLOCKED_BY_ROBOTS = "blocked_by_robots"  # RFC 9309
    NOT_A_PAGE = "not_a_page"  # an image, a PDF, a style sheet ...
    NOT_FOUND = "not_found"  # 404, 410
    SOFT_NOT_FOUND = "soft_not_found"  # an error page with a success status
    ACCESS_REFUSED = "access_refused"  # 401, 403 and other 4xx
    BLOCKED_BY_SITE = "blocked_by_site"  # a bot check, a consent or a login in place of the page
    UNREACHABLE = "unreachable"  # a timeout, a broken connection, 5xx
    UNREADABLE = "unreadable"  # the response crashed the parser twice
    REDIRECT = "redirect"  # its target counts instead
    ENDLESS_PATH = "endless_path"  # a trap: repeated path segments
    CALENDAR = "calendar"  # a trap: endless dates
    PARAMETERS = "parameters"  # a trap: combinations and orders of filters
    DUPLICATE = "duplicate"  # its canonical URL counts instead


WORDS: Final[dict[str, str]] = {
    ExclusionReason.INVALID_ADDRESS: "not a web address",
    ExclusionReason.OTHER_HOST: "on another host",
    ExclusionReason.EXCLUDED: "left out by the include and exclude patterns",
    ExclusionReason.TOO_DEEP: "deeper than maxDepth",
    ExclusionReason.OVER_LIMIT: "beyond maxPages",
    ExclusionReason.OVER_QUOTA: "beyond the organisation's quota of pages",
    ExclusionReason.BLOCKED_BY_ROBOTS: "disallowed by robots.txt",
    ExclusionReason.NOT_A_PAGE: "not a page, by the type of the response",
    ExclusionReason.NOT_FOUND: "not found",
    ExclusionReason.SOFT_NOT_FOUND: "an error page",
    ExclusionReason.ACCESS_REFUSED: "refused by the site",
    ExclusionReason.BLOCKED_BY_SITE: "hidden behind a bot check, a consent or a login",
    ExclusionReason.UNREACHABLE: "unreachable",
    ExclusionReason.UNREADABLE: "unreadable",
    ExclusionReason.REDIRECT: "a redirect",
    ExclusionReason.ENDLESS_PATH: "an endless path",
    ExclusionReason.CALENDAR: "an endless calendar",
    ExclusionReason.PARAMETERS: "one of endless combinations of parameters",
    ExclusionReason.DUPLICATE: "a duplicate of another address",
}
"""What became of a URL that a discovery left out, in words."""


def in_words(left_out: Mapping[str, int]) -> str:
    """Why URLs were left out, most frequent reason first: `3 not found, 1 a redirect`."""
    ordered = sorted(left_out.items(), key=lambda each: (-each[1], each[0]))
    return ", ".join(f"{count} {WORDS.get(reason, reason)}" for reason, count in ordered)


_EXTENSIONS: Final = (
    "7z avi bmp bz2 css csv dmg doc docx eot epub exe flac gif gz ico iso jar jpeg jpg js json m4a"
    " m4v mjs mov mp3 mp4 mpeg msi ods odt ogg ogv otf pdf png ppt pptx rar rpm rss rtf svg swf tar"
    " tgz tif tiff ttf txt wasm wav webm webp woff woff2 xls xlsx xml xz zip"
)
NON_PAGE_EXTENSIONS: Final = frozenset(_EXTENSIONS.split())
"""File extensions of documents other than HTML pages, in lower case."""

_QUERY: Final = re.compile("[?#]")
MAX_KIND_LENGTH: Final = 100


@dataclass(frozen=True)
class ScopeRules:
    """The include and exclude patterns of a discovery.

    A URL in scope matches one of `include`, unless that is empty, and none of `exclude`. Patterns
    are globs on the path, or on path and query together: `*` matches any characters, `?` one
    character. `/search` and `/search?q=*` both match `/search?q=shoes`.
    """

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()


NO_RULES: Final = ScopeRules()


def exclusion_reason(url: str, site: Site, rules: ScopeRules = NO_RULES) -> ExclusionReason | None:
    """Why the normalised `url` is not a page of `site` under `rules`; None if it is in scope.

    A leading `www.` of either host is ignored, and so is the scheme on a default port. The name of
    a file does not decide: the media type of the response does. Nor does a hash route: patterns
    match the URL that is requested.
    """
    url = document_of(url)
    # The URL is normalised: its origin ends before the third slash.
    origin = "/".join(url.split("/", 3)[:3])
    if not _same_site(origin, site):
        return ExclusionReason.OTHER_HOST
    target = url[len(origin) :]
    path = target.split("?", 1)[0]
    if rules.include and not _any_matches(rules.include, path, target):
        return ExclusionReason.EXCLUDED
    if _any_matches(rules.exclude, path, target):
        return ExclusionReason.EXCLUDED
    return None


def is_not_included(url: str, rules: ScopeRules) -> bool:
    """Whether the normalised `url` only misses the include patterns: no pattern excludes it."""
    target = "/" + document_of(url).split("/", 3)[3]
    return bool(rules.include) and not _any_matches(rules.exclude, target.split("?", 1)[0], target)


def file_kind(url: str) -> str | None:
    """The kind of file that the name in the normalised `url` suggests; None if it suggests a page.

    Names only suggest: `/wiki/Node.js` may be an article. Files of one kind, an extension below one
    top-level path, are usually all pages or all files.
    """
    path = document_of(url).split("/", 3)[3].split("?", 1)[0]
    top, _, rest = path.partition("/")
    extension = _extension(path)
    if extension not in NON_PAGE_EXTENSIONS:
        return None
    return f"{top if rest else ''}/*.{extension}"[-MAX_KIND_LENGTH:]


def names_a_file(written: str) -> bool:
    """Whether an address, as a page writes it, ends like a file that is no page."""
    return _extension(_QUERY.split(written.strip(), maxsplit=1)[0]) in NON_PAGE_EXTENSIONS


def _extension(path: str) -> str:
    name = path.rsplit("/", 1)[-1]
    return name.rsplit(".", 1)[-1].lower() if "." in name else ""


def _any_matches(patterns: tuple[str, ...], path: str, target: str) -> bool:
    return any(glob_matches(each, path) or glob_matches(each, target) for each in patterns)


def glob_matches(pattern: str, text: str) -> bool:
    """Whether all of `text` matches, in at most len(pattern) x len(text) steps."""
    return _compiled(pattern).fullmatch(text) is not None


@lru_cache(maxsize=1_000)
def _compiled(pattern: str) -> re.Pattern[str]:
    """The pattern as a regular expression without backtracking.

    Each part between two stars is an atomic group. The leftmost match of a part leaves the most
    text for the next part, so no match is missed.
    """
    parts = [re.escape(part).replace(r"\?", ".") for part in re.split(r"\*+", pattern)]
    if len(parts) == 1:
        return re.compile(parts[0], re.DOTALL)
    first, *middle, last = parts
    inner = "".join(f"(?>.*?{part})" for part in middle)
    return re.compile(f"{first}{inner}.*{last}", re.DOTALL)


SiteKey = tuple[str, int | None]
"""What the addresses of one site have in common: the host without `www.`, and an explicit port."""


def key_of_site(site: Site) -> SiteKey:
    """The key of a registered site."""
    return (site.host.removeprefix("www."), _explicit_port(site.port) if site.port else None)


@lru_cache(maxsize=1_000)
def key_of_origin(origin: str) -> SiteKey:
    """The key of the site that a normalised URL with this origin is a page of."""
    return (host_of(origin).removeprefix("www."), _explicit_port(port_of(origin)))


def _same_site(origin: str, site: Site) -> bool:
    return key_of_origin(origin) == key_of_site(site)


def _explicit_port(port: int) -> int | None:
    """The port; None for the default port of either scheme, since most sites answer at both."""
    return None if port in DEFAULT_PORTS.values() else port
