"""Crawl settings as the API takes and shows them."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import AfterValidator, Field

from api.limits import JsonBody, OneLine
from core.model import Model
from core.web.crawl_settings import MAX_CONFIRM_AFTER_SECONDS, NOTHING_CHOSEN, CrawlSettings, Render
from core.web.request_headers import check_cookies, check_headers, check_user_agent
from core.web.selectors import MAX_IGNORE_SELECTORS, MAX_SELECTOR_LENGTH, check_selector
from store.secretkey import SecretKey

Selector = Annotated[
    str,
    Field(min_length=1, max_length=MAX_SELECTOR_LENGTH),
    OneLine,
    AfterValidator(check_selector),
]


class CrawlSettingsView(Model):
    """How pages are asked for and read, as far as it was chosen here; null is what was not.

    Of headers and cookies only the names are ever shown.
    """

    headers: list[str] | None
    cookies: list[str] | None
    user_agent: str | None
    watch_selector: str | None
    ignore_selectors: list[str] | None
    render: Render | None
    confirm_after_seconds: int | None


class CrawlSettingsBody(JsonBody):
    """How pages are asked for and read. What is left out stays as it is, null takes it back.

    A page's settings win over its domain's, field by field.
    """

    headers: Annotated[dict[str, str], AfterValidator(check_headers)] | None = Field(
        default=None,
        repr=False,
        description="Request headers by name, all of them. They are stored encrypted, never shown "
        "again, and sent to the page's own origin only.",
    )
    cookies: Annotated[dict[str, str], AfterValidator(check_cookies)] | None = Field(
        default=None, repr=False, description="Cookies by name, kept and sent as headers are."
    )
    user_agent: (
        Annotated[str, Field(min_length=1, max_length=256), AfterValidator(check_user_agent)] | None
    ) = Field(
        default=None,
        description="Sent instead of our own. Which pages robots.txt allows is still decided by "
        "the name DiffyBot, by which robots.txt is asked for as well.",
    )
    watch_selector: Selector | None = Field(
        default=None,
        description="CSS: only what it matches is compared. A crawl fails with "
        "WATCHED_PART_MISSING where that shows no text.",
    )
    ignore_selectors: Annotated[list[Selector], Field(max_length=MAX_IGNORE_SELECTORS)] | None = (
        Field(default=None, description="CSS: what they match is not compared.")
    )
    render: Annotated[Render, Field(strict=False)] | None = Field(
        default=None, description="Whether pages are opened in a browser before they are read."
    )
    confirm_after_seconds: Annotated[int, Field(ge=0, le=MAX_CONFIRM_AFTER_SECONDS)] | None = Field(
        default=None,
        description="News is reported once a second look, so many seconds after the first, has "
        "found it again. 0 reports at once, also where the domain would have it confirmed.",
    )

    def sealed(self, secret_key: SecretKey) -> CrawlSettings:
        """The same as it is stored.

        Raises Conflict when there are secrets and no key to seal them with.
        """
        fields = {name: getattr(self, name) for name in self.model_fields_set}
        for name in ("headers", "cookies"):
            if fields.get(name):
                fields[name] = _sealed(fields[name], secret_key)
        if fields.get("ignore_selectors") is not None:
            fields["ignore_selectors"] = tuple(fields["ignore_selectors"])
        return CrawlSettings(**fields)


class WithCrawlSettings(JsonBody):
    """A body that may choose crawl settings."""

    crawl_settings: CrawlSettingsBody | None = None

    def settings_over(
        self, present: CrawlSettings | None, secret_key: SecretKey
    ) -> CrawlSettings | None:
        """The `present` settings with what this body says of them. Raises Conflict as `sealed`."""
        if self.crawl_settings is None:
            return present
        return (present or NOTHING_CHOSEN).changed_by(self.crawl_settings.sealed(secret_key))


def settings_view(chosen: CrawlSettings | None) -> CrawlSettingsView:
    """What the API shows of `chosen`."""
    chosen = chosen or NOTHING_CHOSEN
    return CrawlSettingsView(
        headers=None if chosen.headers is None else sorted(chosen.headers),
        cookies=None if chosen.cookies is None else sorted(chosen.cookies),
        user_agent=chosen.user_agent,
        watch_selector=chosen.watch_selector,
        ignore_selectors=(
            None if chosen.ignore_selectors is None else list(chosen.ignore_selectors)
        ),
        render=chosen.render,
        confirm_after_seconds=chosen.confirm_after_seconds,
    )


def _sealed(values: Mapping[str, str], secret_key: SecretKey) -> dict[str, str]:
    box = secret_key.for_sealing()
    return {name: box.seal(value) for name, value in values.items()}
