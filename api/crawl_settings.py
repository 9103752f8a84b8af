"""Crawl settings in request bodies and answers."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import AfterValidator, Field

from api.limits import JsonBody
from core.changes.ignoring import (
    MAX_TEXT_PATTERN_LENGTH,
    MAX_TEXT_PATTERNS,
    check_text_pattern,
)
from core.model import Model
from core.web.crawl_settings import (
    MAX_CONFIRM_AFTER_SECONDS,
    NOTHING_CHOSEN,
    CrawlSettings,
    Frames,
    MaskName,
    Render,
)
from core.web.document_kinds import DocumentKind
from core.web.json_paths import MAX_JSON_PATH_LENGTH, check_json_path
from core.web.request_headers import check_cookies, check_headers, check_user_agent
from core.web.selectors import MAX_IGNORE_SELECTORS, MAX_SELECTOR_LENGTH, check_selector
from store.secretkey import SecretKey

Selector = Annotated[
    str,
    Field(min_length=1, max_length=MAX_SELECTOR_LENGTH),
    AfterValidator(check_selector),
]


JsonPath = Annotated[
    str,
    Field(min_length=1, max_length=MAX_JSON_PATH_LENGTH),
    AfterValidator(check_json_path),
]


TextPattern = Annotated[
    str,
    Field(min_length=1, max_length=MAX_TEXT_PATTERN_LENGTH),
    AfterValidator(check_text_pattern),
]


class CrawlSettingsView(Model):
    """Settings for the fetch and the comparison of pages; null is not set here.

    Headers and cookies are shown by name only.
    """

    headers: list[str] | None
    cookies: list[str] | None
    user_agent: str | None
    watch_selector: str | None
    watch_json_path: str | None
    ignore_selectors: list[str] | None
    render: Render | None
    confirm_after_seconds: int | None
    conditional_requests: bool | None
    masks_off: list[MaskName] | None
    compare_links: bool | None
    ignore_order: bool | None
    frames: Frames | None
    ignore_text: list[str] | None
    document_kind: DocumentKind | None


class CrawlSettingsBody(JsonBody):
    """Settings for the fetch and the comparison of pages. Omitted fields stay, null unsets a field.

    The settings of a page override those of its domain, field by field; its texts to ignore add to
    those of the domain.
    """

    headers: Annotated[dict[str, str], AfterValidator(check_headers)] | None = Field(
        default=None,
        repr=False,
        description="Request headers by name, which replace all earlier ones. They are stored "
        "encrypted, never shown again, and sent to the page's own origin only.",
    )
    cookies: Annotated[dict[str, str], AfterValidator(check_cookies)] | None = Field(
        default=None, repr=False, description="Cookies by name; stored and sent as headers are."
    )
    user_agent: (
        Annotated[str, Field(min_length=1, max_length=256), AfterValidator(check_user_agent)] | None
    ) = Field(
        default=None,
        description="Replaces our own user agent. robots.txt is still fetched as DiffyBot, and its "
        "rules for DiffyBot apply.",
    )
    watch_selector: Selector | None = Field(
        default=None,
        description="CSS selector: only matching elements are compared. A crawl fails with "
        "WATCHED_PART_MISSING if they show no text.",
    )
    watch_json_path: JsonPath | None = Field(
        default=None,
        description="JSON path (RFC 9535): only what it selects in a JSON document is compared. A "
        "crawl fails with WATCHED_PART_MISSING if the document is no JSON or has nothing there.",
    )
    ignore_selectors: Annotated[list[Selector], Field(max_length=MAX_IGNORE_SELECTORS)] | None = (
        Field(default=None, description="CSS selectors: matching elements are not compared.")
    )
    render: Annotated[Render, Field(strict=False)] | None = Field(
        default=None, description="Whether pages are rendered in a browser."
    )
    confirm_after_seconds: Annotated[int, Field(ge=0, le=MAX_CONFIRM_AFTER_SECONDS)] | None = Field(
        default=None,
        description="A change is reported once a second fetch, this many seconds after the first, "
        "has confirmed it. 0 reports at once, and overrides a confirmation of the domain.",
    )
    conditional_requests: bool | None = Field(
        default=None,
        description="Whether the site is asked whether the page has changed since the last check. "
        "false fetches the whole page each time, for a site that answers 304 although it has.",
    )
    masks_off: (
        Annotated[list[Annotated[MaskName, Field(strict=False)]], Field(max_length=len(MaskName))]
        | None
    ) = Field(
        default=None,
        description="What is compared although it usually is noise. By default all masks apply, "
        "and with a `watchSelector` or `watchJsonPath` none; an empty list applies all of them "
        "there too.",
    )
    compare_links: bool | None = Field(
        default=None, description="Whether the targets of links and forms are compared."
    )
    ignore_order: bool | None = Field(
        default=None, description="Whether a change of the order of lines alone is no change."
    )
    frames: Annotated[Frames, Field(strict=False)] | None = Field(
        default=None,
        description="The frames whose documents are fetched and compared as parts of the page: "
        "those of the site, those of other sites too, or none.",
    )
    ignore_text: Annotated[list[TextPattern], Field(max_length=MAX_TEXT_PATTERNS)] | None = Field(
        default=None,
        description="Lines that are not told of: the whole text of each, where `*` stands for any "
        "text and `#` for a number; a backslash before them makes them ordinary. Those of a page "
        "add to those of its domain.",
    )
    document_kind: Annotated[DocumentKind, Field(strict=False)] | None = Field(
        default=None,
        description="What the document is, whatever media type the site declares; by default the "
        "media type says it.",
    )

    def sealed(self, secret_key: SecretKey) -> CrawlSettings:
        """The settings as stored, with encrypted secrets.

        Raises Conflict if there are secrets and no key to encrypt them with.
        """
        fields = {name: getattr(self, name) for name in self.model_fields_set}
        for name in ("headers", "cookies"):
            if fields.get(name):
                fields[name] = _sealed(fields[name], secret_key)
        if fields.get("ignore_selectors") is not None:
            fields["ignore_selectors"] = tuple(fields["ignore_selectors"])
        for name in ("masks_off", "ignore_text"):
            if fields.get(name) is not None:
                fields[name] = tuple(fields[name])
        return CrawlSettings(**fields)


class WithCrawlSettings(JsonBody):
    """A request body that may set crawl settings."""

    crawl_settings: CrawlSettingsBody | None = None

    def settings_over(
        self, present: CrawlSettings | None, secret_key: SecretKey
    ) -> CrawlSettings | None:
        """The `present` settings with the changes of this body. Raises Conflict as `sealed`."""
        if self.crawl_settings is None:
            return present
        return (present or NOTHING_CHOSEN).changed_by(self.crawl_settings.sealed(secret_key))


def settings_view(chosen: CrawlSettings | None) -> CrawlSettingsView:
    """Settings as the API shows them."""
    chosen = chosen or NOTHING_CHOSEN
    return CrawlSettingsView(
        headers=None if chosen.headers is None else sorted(chosen.headers),
        cookies=None if chosen.cookies is None else sorted(chosen.cookies),
        user_agent=chosen.user_agent,
        watch_selector=chosen.watch_selector,
        watch_json_path=chosen.watch_json_path,
        ignore_selectors=(
            None if chosen.ignore_selectors is None else list(chosen.ignore_selectors)
        ),
        render=chosen.render,
        confirm_after_seconds=chosen.confirm_after_seconds,
        conditional_requests=chosen.conditional_requests,
        masks_off=None if chosen.masks_off is None else list(chosen.masks_off),
        compare_links=chosen.compare_links,
        ignore_order=chosen.ignore_order,
        frames=chosen.frames,
        ignore_text=None if chosen.ignore_text is None else list(chosen.ignore_text),
        document_kind=chosen.document_kind,
    )


def _sealed(values: Mapping[str, str], secret_key: SecretKey) -> dict[str, str]:
    box = secret_key.for_sealing()
    return {name: box.seal(value) for name, value in values.items()}
