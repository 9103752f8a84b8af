"""Which URLs belong to a discovery, and why the others do not."""

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Final

from core.web.urls import DEFAULT_PORTS, Site, host_of, port_of


class ExclusionReason(StrEnum):
    """Why a URL that a discovery saw is not taken."""

    INVALID_ADDRESS = "invalid_address"  # not an http(s) URL, or one of over 2,000 characters
    OTHER_HOST = "other_host"  # another host or port
    EXCLUDED = "excluded"  # by the patterns of the request
    TOO_DEEP = "too_deep"  # more links away than maxDepth
    OVER_LIMIT = "over_limit"  # maxPages had been reached
    BLOCKED_BY_ROBOTS = "blocked_by_robots"  # RFC 9309
    NOT_A_PAGE = "not_a_page"  # an image, a PDF, a style sheet ...
    NOT_FOUND = "not_found"  # 404, 410
    SOFT_NOT_FOUND = "soft_not_found"  # its title says so, its status does not
    ACCESS_REFUSED = "access_refused"  # 401, 403 and the other refusals of 4xx
    UNREACHABLE = "unreachable"  # a timeout, a broken connection, 5xx
    UNREADABLE = "unreadable"  # what the site sent crashed our reader twice
    REDIRECT = "redirect"  # its target counts instead
    ENDLESS_PATH = "endless_path"  # a trap: the same parts of a path again and again
    CALENDAR = "calendar"  # a trap: dates without end
    PARAMETERS = "parameters"  # a trap: each combination and order of filters
    DUPLICATE = "duplicate"  # its canonical URL counts instead


_EXTENSIONS: Final = (
    "7z avi bmp bz2 css csv dmg doc docx eot epub exe flac gif gz ico iso jar jpeg jpg js json m4a"
    " m4v mjs mov mp3 mp4 mpeg msi ods odt ogg ogv otf pdf png ppt pptx rar rpm rss rtf svg swf tar"
    " tgz tif tiff ttf txt wasm wav webm webp woff woff2 xls xlsx xml xz zip"
)
NOT_PAGES: Final = frozenset(_EXTENSIONS.split())
"""File extensions of what is no page."""


@dataclass(frozen=True)
class ScopeRules:
    """Globs on the path of a URL, or on path and query together: `*` stands for any characters,
    `?` for one. `/search` and `/search?q=*` both match `/search?q=shoes`.

    With `include`, a URL in scope matches one of them; it never matches one of `exclude`.
    """

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()


@dataclass(frozen=True)
class InScope:
    """The URL belongs to the site."""


@dataclass(frozen=True)
class OutOfScope:
    """The URL does not, for `reason`."""

    reason: ExclusionReason


Verdict = InScope | OutOfScope


def judge(url: str, site: Site, rules: ScopeRules) -> Verdict:
    """Whether the normalised `url` belongs to `site` under `rules`.

    `www.` before either name makes no difference, nor does http or https on its default port.
    """
    # The URL is normalised: its origin ends before the third slash.
    origin = "/".join(url.split("/", 3)[:3])
    if not _same_site(origin, site):
        return OutOfScope(ExclusionReason.OTHER_HOST)
    target = url[len(origin) :]
    path = target.split("?", 1)[0]
    name = path.rsplit("/", 1)[-1]
    if "." in name and name.rsplit(".", 1)[-1].lower() in NOT_PAGES:
        return OutOfScope(ExclusionReason.NOT_A_PAGE)
    if rules.include and not _any_matches(rules.include, path, target):
        return OutOfScope(ExclusionReason.EXCLUDED)
    if _any_matches(rules.exclude, path, target):
        return OutOfScope(ExclusionReason.EXCLUDED)
    return InScope()


def _any_matches(patterns: tuple[str, ...], path: str, target: str) -> bool:
    return any(glob_matches(each, path) or glob_matches(each, target) for each in patterns)


def glob_matches(pattern: str, text: str) -> bool:
    """Whether the whole of `text` matches; at most len(pattern) x len(text) steps, never more."""
    return _compiled(pattern).fullmatch(text) is not None


@lru_cache(maxsize=1_000)
def _compiled(pattern: str) -> re.Pattern[str]:
    """Each part between two stars is an atomic group, which is never gone back into.

    The first place where a part fits leaves the most for the next, so nothing is missed, and
    there is no combination of places to try.
    """
    parts = [re.escape(part).replace(r"\?", ".") for part in re.split(r"\*+", pattern)]
    if len(parts) == 1:
        return re.compile(parts[0], re.DOTALL)
    first, *middle, last = parts
    inner = "".join(f"(?>.*?{part})" for part in middle)
    return re.compile(f"{first}{inner}.*{last}", re.DOTALL)


@lru_cache(maxsize=1_000)
def _same_site(origin: str, site: Site) -> bool:
    if host_of(origin).removeprefix("www.") != site.host.removeprefix("www."):
        return False
    return _shown_port(port_of(origin)) == (_shown_port(site.port) if site.port else None)


def _shown_port(port: int) -> int | None:
    """None for the default port of either scheme: a site answers at both, or soon will."""
    return None if port in DEFAULT_PORTS.values() else port
