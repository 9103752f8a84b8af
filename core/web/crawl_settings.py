"""How the pages of a site are to be asked for and read, as chosen for a domain or for one page."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from enum import StrEnum
from typing import Final, Self

from pydantic import Field

from core.model import Model
from core.web.secrets import SecretBox
from core.web.urls import origin_of

LONGEST_CONFIRMATION: Final = 3600
"""Seconds after which news is confirmed at the latest: the shortest time between two checks of a
domain. What lasts longer than that is for the next check to find.
"""


class Render(StrEnum):
    """Whether a page is opened in a browser before it is read."""

    AUTO = "auto"  # when what the site sends shows nothing without JavaScript
    NEVER = "never"
    ALWAYS = "always"


@dataclass(frozen=True)
class Parts:
    """Which parts of a page count: what `watch` matches, or all, without what `ignore` matches."""

    watch: str | None = None
    ignore: tuple[str, ...] = ()


WHOLE = Parts()


class CrawlSettings(Model):
    """What was chosen; None is what was not.

    The values of `headers` and `cookies` are sealed by a `SecretBox`. `confirm_after_seconds` is 0
    where news is told at once though the domain would have it confirmed.
    """

    headers: Mapping[str, str] | None = Field(default=None, repr=False)
    cookies: Mapping[str, str] | None = Field(default=None, repr=False)
    user_agent: str | None = None
    watch_selector: str | None = None
    ignore_selectors: tuple[str, ...] | None = None
    render: Render | None = None
    confirm_after_seconds: int | None = None

    def changed_by(self, given: Self) -> Self:
        """These settings, with those that `given` was made with: also None, which takes back."""
        return self.model_copy(update={name: getattr(given, name) for name in given.given})

    def over(self, other: Self) -> Self:
        """These settings, and those of `other` where nothing was chosen here."""
        return other.model_copy(update=self.model_dump(exclude_none=True))

    @property
    def parts(self) -> Parts:
        """Which parts of a page count."""
        return Parts(self.watch_selector, self.ignore_selectors or ())

    @property
    def given(self) -> frozenset[str]:
        """The names of the fields that it was made with."""
        return frozenset(self.model_fields_set)


NOTHING_CHOSEN = CrawlSettings()

NOT_PLAIN: Final = {"headers", "cookies", "confirm_after_seconds"}
"""What a fingerprint has not got as it is: secrets, and what does not change how pages are seen."""


@dataclass(frozen=True)
class RequestProfile:
    """What requests say beyond what each of ours does.

    `headers` and `cookies` are secrets: they go to `origin` only, wherever redirects lead. The
    user agent is no secret.
    """

    user_agent: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    cookies: Mapping[str, str] = field(default_factory=dict, repr=False)
    origin: str | None = None

    def at(self, url: str, site_origin: str) -> Self:
        """The same for `url`, a page of the site at `site_origin`, whose origin gets the secrets.

        Those of a site that is watched over https never go over http.
        """
        own = origin_of(url)
        in_clear = site_origin.startswith("https:") and not own.startswith("https:")
        return replace(self, origin=None if in_clear else own)

    @property
    def has_secrets(self) -> bool:
        """Whether there is anything that only `origin` may see."""
        return bool(self.headers or self.cookies)

    def headers_for(self, url: str) -> dict[bytes, bytes]:
        """What a request for the normalised `url` says."""
        said: dict[bytes, bytes] = {}
        if self.user_agent is not None:
            said[b"User-Agent"] = self.user_agent.encode()
        if self.origin is None or origin_of(url) != self.origin:
            return said
        said.update((name.encode(), value.encode()) for name, value in self.headers.items())
        if self.cookies:
            pairs = (f"{name}={value}" for name, value in self.cookies.items())
            said[b"Cookie"] = "; ".join(pairs).encode()
        return said


DEFAULT_PROFILE = RequestProfile()
"""No more than that we are who we are."""


@dataclass(frozen=True)
class CrawlProfile:
    """The settings of one page as they are used.

    Pages that were seen under different settings cannot be compared: they have another
    `fingerprint`, which is None where nothing was chosen and tells nothing of the secrets.
    News is told at once, or where it is seen again `confirm_after` that time.
    """

    request: RequestProfile = DEFAULT_PROFILE
    parts: Parts = WHOLE
    render: Render = Render.AUTO
    fingerprint: str | None = None
    confirm_after: timedelta | None = None


def profile_of(
    chosen: CrawlSettings, url: str, site_origin: str, box: SecretBox | None
) -> CrawlProfile:
    """How the page at `url`, of the site at `site_origin`, is to be asked for and read.

    `box` is None where nothing is
    sealed. Raises SecretsUnreadable when it has another key than the one they were sealed with.
    """
    headers = _opened(chosen.headers, box)
    cookies = _opened(chosen.cookies, box)
    return CrawlProfile(
        request=RequestProfile(chosen.user_agent, headers, cookies).at(url, site_origin),
        parts=chosen.parts,
        render=chosen.render or Render.AUTO,
        fingerprint=_fingerprint(chosen, headers, cookies, box),
        confirm_after=timedelta(seconds=chosen.confirm_after_seconds or 0) or None,
    )


def has_secrets(chosen: CrawlSettings) -> bool:
    """Whether a `SecretBox` is needed to use these settings."""
    return bool(chosen.headers or chosen.cookies)


def _opened(sealed: Mapping[str, str] | None, box: SecretBox | None) -> dict[str, str]:
    if not sealed:
        return {}
    assert box is not None, "nothing is sealed without a box"
    return {name: box.open(value) for name, value in sealed.items()}


def _fingerprint(
    chosen: CrawlSettings,
    headers: Mapping[str, str],
    cookies: Mapping[str, str],
    box: SecretBox | None,
) -> str | None:
    plain = chosen.model_dump(mode="json", exclude_none=True, exclude=NOT_PLAIN)
    said = {name: value for name, value in plain.items() if value not in ([], Render.AUTO)}
    if box is not None and (headers or cookies):
        kept = [sorted(headers.items()), sorted(cookies.items())]
        said["secrets"] = box.digest(json.dumps(kept))
    if not said:
        return None
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()
