"""The crawl settings of a domain or page, and the profile by which a page is crawled."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from enum import StrEnum
from typing import Final, Self

from pydantic import Field

from core.model import Model
from core.web.document_kinds import DocumentKind
from core.web.hash_routes import route_of
from core.web.secrets import SecretBox
from core.web.urls import origin_of

MAX_CONFIRM_AFTER_SECONDS: Final = 3600
"""Limit on the delay of a confirming fetch, in seconds: the shortest interval between two checks of
a domain. The next check confirms what lasts longer.
"""


class Render(StrEnum):
    """Whether a page is rendered in a browser."""

    AUTO = "auto"  # if the page is an empty shell without JavaScript
    NEVER = "never"
    ALWAYS = "always"


class Frames(StrEnum):
    """The frames whose documents are read as parts of a page."""

    SITE = "site"  # those of the site of the page
    ALL = "all"  # those of other sites too
    NONE = "none"


class MaskName(StrEnum):
    """What is not compared because it usually is noise; each can be turned off."""

    DATES = "dates"
    DURATIONS = "durations"
    COUNTERS = "counters"
    IDS = "ids"
    COPYRIGHT = "copyright"
    VERSIONS = "versions"  # after the name of the page in its title
    NAVIGATION = "navigation"
    FOOTER = "footer"
    CONSENT = "consent"
    ADVERTISEMENTS = "advertisements"
    TESTIMONIALS = "testimonials"
    SITE_WIDE = "site_wide"  # lines of all pages of the site that change on several of them
    LEARNED = "learned"  # lines of the page that changed again and again


ALL_MASKS: Final = frozenset(MaskName)


@dataclass(frozen=True)
class Comparison:
    """How two versions of a page are compared: without what `masks` cover, without regard to the
    order of lines if `ignore_order`, and without the lines that `ignore_text` matches
    (`core.changes.ignoring`).
    """

    masks: frozenset[MaskName] = ALL_MASKS
    ignore_order: bool = False
    ignore_text: tuple[str, ...] = ()


USUAL_COMPARISON = Comparison()


@dataclass(frozen=True)
class Parts:
    """The compared parts of a page: elements that match `watch`, or else the whole page, without
    the elements that match `ignore` and what `masks` cover. With `links` the targets of links and
    forms are compared too. With `json_path` the page is what that selects in a JSON document. With
    `document_kind` the page is such a document, whatever its media type.
    """

    watch: str | None = None
    ignore: tuple[str, ...] = ()
    masks: frozenset[MaskName] = ALL_MASKS
    links: bool = False
    json_path: str | None = None
    document_kind: DocumentKind | None = None

    @property
    def kind(self) -> DocumentKind | None:
        """The kind of document that a person has chosen, None if the media type decides."""
        return DocumentKind.JSON if self.json_path is not None else self.document_kind

    @property
    def is_chosen(self) -> bool:
        """Whether a person has chosen what of the page is compared."""
        return self.watch is not None or self.json_path is not None


WHOLE_PAGE = Parts()


class CrawlSettings(Model):
    """The crawl settings of a domain or page; None for a setting that is not set.

    The values of `headers` and `cookies` are encrypted by a `SecretBox`. A page's
    `confirm_after_seconds` of 0 reports changes at once, even if its domain confirms them.
    """

    headers: Mapping[str, str] | None = Field(default=None, repr=False)
    cookies: Mapping[str, str] | None = Field(default=None, repr=False)
    user_agent: str | None = None
    watch_selector: str | None = None
    watch_json_path: str | None = None
    ignore_selectors: tuple[str, ...] | None = None
    render: Render | None = None
    confirm_after_seconds: int | None = None
    conditional_requests: bool | None = None
    masks_off: tuple[MaskName, ...] | None = None
    compare_links: bool | None = None
    ignore_order: bool | None = None
    frames: Frames | None = None
    ignore_text: tuple[str, ...] | None = None
    document_kind: DocumentKind | None = None

    def changed_by(self, given: Self) -> Self:
        """These settings, replaced by the explicit fields of `given`; an explicit None unsets."""
        return self.model_copy(update={name: getattr(given, name) for name in given.given})

    def over(self, other: Self) -> Self:
        """These settings, with those of `other` as defaults. The texts to ignore are those of both,
        so that one that is muted on a whole site stays muted on each page.
        """
        own = self.model_dump(exclude_none=True)
        if self.ignore_text is not None and other.ignore_text is not None:
            own["ignore_text"] = tuple(dict.fromkeys([*other.ignore_text, *self.ignore_text]))
        return other.model_copy(update=own)

    @property
    def parts(self) -> Parts:
        """The compared parts of a page."""
        return Parts(
            self.watch_selector,
            self.ignore_selectors or (),
            self._masks,
            bool(self.compare_links),
            self.watch_json_path,
            self.document_kind,
        )

    @property
    def watches_part(self) -> bool:
        """Whether a part of the page is watched, by a selector or a JSON path."""
        return self.watch_selector is not None or self.watch_json_path is not None

    @property
    def comparison(self) -> Comparison:
        """How two versions of a page are compared."""
        return Comparison(self._masks, bool(self.ignore_order), self.ignore_text or ())

    @property
    def _masks(self) -> frozenset[MaskName]:
        """The masks that apply: what a person has selected is compared without any by default."""
        if self.masks_off is not None:
            return ALL_MASKS - frozenset(self.masks_off)
        return frozenset() if self.watches_part else ALL_MASKS

    @property
    def given(self) -> frozenset[str]:
        """The names of the explicit fields."""
        return frozenset(self.model_fields_set)


NOTHING_CHOSEN = CrawlSettings()

NOT_IN_FINGERPRINT: Final = {
    "headers",
    "cookies",
    "confirm_after_seconds",
    "conditional_requests",
    "ignore_text",
}
"""Fields whose plain values are not part of the fingerprint: secrets, which are hashed with a key,
and settings that do not affect the content of a page: what is ignored stays in its text."""


@dataclass(frozen=True)
class RequestProfile:
    """The headers that crawl settings add to requests.

    `headers` and `cookies` are secret: only requests to `origin` have them, wherever redirects
    lead. All requests have the user agent.
    """

    user_agent: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    cookies: Mapping[str, str] = field(default_factory=dict, repr=False)
    origin: str | None = None

    def at(self, url: str, site_origin: str) -> Self:
        """The profile whose secrets go to the origin of `url`, a page of the site at `site_origin`.

        The secrets of a site that is watched over https are never sent over http.
        """
        own = origin_of(url)
        in_clear = site_origin.startswith("https:") and not own.startswith("https:")
        return replace(self, origin=None if in_clear else own)

    @property
    def has_secrets(self) -> bool:
        """Whether the profile has headers or cookies that only `origin` may receive."""
        return bool(self.headers or self.cookies)

    def headers_for(self, url: str) -> dict[bytes, bytes]:
        """The additional headers of a request for the normalised `url`."""
        headers: dict[bytes, bytes] = {}
        if self.user_agent is not None:
            headers[b"User-Agent"] = self.user_agent.encode()
        if self.origin is None or origin_of(url) != self.origin:
            return headers
        headers.update((name.encode(), value.encode()) for name, value in self.headers.items())
        if self.cookies:
            pairs = (f"{name}={value}" for name, value in self.cookies.items())
            headers[b"Cookie"] = "; ".join(pairs).encode()
        return headers


DEFAULT_PROFILE = RequestProfile()
"""The profile of requests without crawl settings."""


@dataclass(frozen=True)
class CrawlProfile:
    """The effective settings of one page.

    Versions of a page can be compared only if they have the same `fingerprint`, a hash that is None
    for default settings and reveals no secrets. A change is reported at once, or if
    `confirm_after` is set, after a second fetch that much later has confirmed it. Without
    `conditional_requests` each check asks for the whole page.
    """

    request: RequestProfile = DEFAULT_PROFILE
    parts: Parts = WHOLE_PAGE
    render: Render = Render.AUTO
    fingerprint: str | None = None
    confirm_after: timedelta | None = None
    conditional_requests: bool = True
    comparison: Comparison = USUAL_COMPARISON
    frames: Frames = Frames.SITE

    def renders(self, url: str) -> bool:
        """Whether the page at `url` is rendered whatever was sent for it.

        With `AUTO` one with a hash route is: what was sent is the same for all routes.
        """
        if self.render is Render.AUTO:
            return bool(route_of(url))
        return self.render is Render.ALWAYS


DEFAULT_CRAWL = CrawlProfile()
"""The profile of a page without crawl settings."""


def profile_of(
    chosen: CrawlSettings, url: str, site_origin: str, box: SecretBox | None
) -> CrawlProfile:
    """The profile of the page at `url` of the site at `site_origin`.

    `box` may be None if the settings have no secrets (`has_secrets`). Raises SecretsUnreadable if
    the secrets were encrypted with another key.
    """
    headers = _opened(chosen.headers, box)
    cookies = _opened(chosen.cookies, box)
    return CrawlProfile(
        request=RequestProfile(chosen.user_agent, headers, cookies).at(url, site_origin),
        parts=chosen.parts,
        render=chosen.render or Render.AUTO,
        fingerprint=_fingerprint(chosen, headers, cookies, box),
        confirm_after=timedelta(seconds=chosen.confirm_after_seconds or 0) or None,
        conditional_requests=chosen.conditional_requests is not False,
        comparison=chosen.comparison,
        frames=chosen.frames or Frames.SITE,
    )


def has_secrets(chosen: CrawlSettings) -> bool:
    """Whether the settings have headers or cookies, which need a `SecretBox` to decrypt."""
    return bool(chosen.headers or chosen.cookies)


def _opened(sealed: Mapping[str, str] | None, box: SecretBox | None) -> dict[str, str]:
    if not sealed:
        return {}
    assert box is not None, "secrets need a box"
    return {name: box.open(value) for name, value in sealed.items()}


def _fingerprint(
    chosen: CrawlSettings,
    headers: Mapping[str, str],
    cookies: Mapping[str, str],
    box: SecretBox | None,
) -> str | None:
    plain = chosen.model_dump(mode="json", exclude_none=True, exclude=NOT_IN_FINGERPRINT)
    content = {
        name: sorted(value) if name == "masks_off" else value
        for name, value in plain.items()
        if value not in ([], Render.AUTO, Frames.SITE, False)
        or (name == "masks_off" and chosen.watches_part)
    }
    if box is not None and (headers or cookies):
        secrets = [sorted(headers.items()), sorted(cookies.items())]
        content["secrets"] = box.digest(json.dumps(secrets))
    if not content:
        return None
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
