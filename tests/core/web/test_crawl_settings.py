"""Crawl settings: how they combine, who sees their secrets, and when pages can be compared."""

from datetime import timedelta

import pytest

from core.errors import SecretsUnreadable
from core.web.crawl_settings import (
    NOTHING_CHOSEN,
    CrawlProfile,
    CrawlSettings,
    Render,
    RequestProfile,
    profile_of,
)
from core.web.secrets import SecretBox

BOX = SecretBox("k" * 32)
URL = "https://shop.example/pricing"
SITE = "https://shop.example"


def sealed(**values: str) -> dict[str, str]:
    return {name: BOX.seal(value) for name, value in values.items()}


def profile(chosen: CrawlSettings, url: str = URL, site: str = SITE) -> CrawlProfile:
    return profile_of(chosen, url, site, BOX)


def fingerprint(**chosen: object) -> str | None:
    return profile(CrawlSettings.model_validate(chosen)).fingerprint


def test_what_a_page_chose_wins_field_by_field() -> None:
    domain = CrawlSettings(user_agent="Domain", headers={"A": "1"}, render=Render.NEVER)
    page = CrawlSettings(headers={"B": "2"}, ignore_selectors=())
    both = page.over(domain)
    assert (both.user_agent, both.render) == ("Domain", Render.NEVER)
    assert (both.headers, both.ignore_selectors) == ({"B": "2"}, ())
    assert NOTHING_CHOSEN.over(domain) == domain


def test_a_change_leaves_what_it_does_not_name_and_takes_back_what_it_names_none() -> None:
    present = CrawlSettings(user_agent="A", watch_selector="#a", cookies={"c": "1"})
    changed = present.changed_by(CrawlSettings(user_agent=None, watch_selector="#b"))
    assert changed == CrawlSettings(watch_selector="#b", cookies={"c": "1"})


def test_secrets_go_to_the_origin_of_the_page_only() -> None:
    chosen = CrawlSettings(
        headers=sealed(X="secret"), cookies=sealed(a="1", b="2"), user_agent="Me/1"
    )
    request = profile(chosen).request
    assert request.headers_for(URL) == {
        b"User-Agent": b"Me/1",
        b"X": b"secret",
        b"Cookie": b"a=1; b=2",
    }
    for elsewhere in (
        "http://shop.example/pricing",
        "https://shop.example:8443/",
        "https://www.shop.example/",
        "https://shop.example.evil.com/",
    ):
        assert request.headers_for(elsewhere) == {b"User-Agent": b"Me/1"}
    assert "secret" not in repr(request)
    assert "gAAAA" not in repr(chosen)


def test_secrets_of_a_site_that_is_watched_over_https_never_go_in_the_clear() -> None:
    chosen = CrawlSettings(headers=sealed(X="secret"))
    plain = "http://shop.example/pricing"
    assert profile(chosen, plain).request.headers_for(plain) == {}
    assert profile(chosen, plain, "http://shop.example").request.headers_for(plain) != {}
    assert RequestProfile(headers={"X": "y"}).headers_for(URL) == {}, "without an origin, nobody"


def test_pages_seen_under_other_settings_cannot_be_compared() -> None:
    kinds: list[dict[str, object]] = [
        {},
        {"headers": sealed(X="a")},
        {"headers": sealed(X="b")},
        {"cookies": sealed(X="a")},
        {"user_agent": "x"},
        {"watch_selector": "x"},
        {"watch_json_path": "x"},
        {"watch_json_path": "x", "masks_off": ()},
        {"ignore_selectors": ("x",)},
        {"ignore_selectors": ("x", "y")},
        {"render": "always"},
        {"masks_off": ("dates",)},
        {"masks_off": ("dates", "footer")},
        {"watch_selector": "x", "masks_off": ()},
        {"compare_links": True},
        {"ignore_order": True},
        {"frames": "all"},
        {"frames": "none"},
        {"document_kind": "json"},
        {"document_kind": "text"},
    ]
    assert len({fingerprint(**each) for each in kinds}) == len(kinds)


def test_what_makes_no_difference_changes_no_fingerprint() -> None:
    assert fingerprint(headers={}, cookies={}, ignore_selectors=(), render="auto") is None
    assert fingerprint(masks_off=(), compare_links=False, ignore_order=False) is None
    assert fingerprint(frames="site") is None
    assert fingerprint(masks_off=("ids", "dates")) == fingerprint(masks_off=("dates", "ids"))
    assert fingerprint(headers=sealed(X="a")) == fingerprint(headers=sealed(X="a"))
    assert "secret" not in str(fingerprint(headers=sealed(X="secret")))


def test_when_news_is_confirmed_is_no_other_way_of_seeing_a_page() -> None:
    assert fingerprint(confirm_after_seconds=60) is None
    seen = fingerprint(render="always")
    assert fingerprint(render="always", confirm_after_seconds=60) == seen


def test_news_is_confirmed_where_that_was_chosen_and_a_page_may_take_it_back() -> None:
    domain = CrawlSettings(confirm_after_seconds=60)
    assert profile(domain).confirm_after == timedelta(minutes=1)
    assert profile(NOTHING_CHOSEN.over(domain)).confirm_after == timedelta(minutes=1)
    assert profile(CrawlSettings(confirm_after_seconds=0).over(domain)).confirm_after is None
    assert profile(NOTHING_CHOSEN).confirm_after is None


def test_a_secret_opens_with_its_key_only_and_no_message_tells_it() -> None:
    token = BOX.seal("hunter2")
    assert token != BOX.seal("hunter2")
    assert "hunter2" not in token
    assert BOX.open(token) == "hunter2"
    other = SecretBox("l" * 32)
    for broken in (token[:-2], "", "nonsense"):
        with pytest.raises(SecretsUnreadable):
            BOX.open(broken)
    with pytest.raises(SecretsUnreadable, match="DIFFY_SECRET_KEY") as raised:
        other.open(token)
    assert "hunter2" not in raised.value.message
    assert BOX.digest("a") == BOX.digest("a") != other.digest("a")
