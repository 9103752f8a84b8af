"""Hash routes: which fragments are pages of an application, and what rules read of them."""

import pytest

from core.jobs.ids import subject_name
from core.web.crawl_settings import CrawlProfile, Render
from core.web.hash_routes import as_path, document_of, route_of
from core.web.links import extract_links
from core.web.page_types import classify_page
from core.web.scope import ExclusionReason, ScopeRules, exclusion_reason, file_kind, is_not_included
from core.web.traps import Trap, Traps, uses_budget
from core.web.urls import normalise, parse_domain, without_visit
from tests.core.web.test_traps import TODAY

APP = "https://app.example/shop"
SITE = parse_domain("app.example")


@pytest.mark.parametrize(
    ("fragment", "route"),
    [
        ("#/pricing", "#/pricing"),
        ("#!/pricing", "#!/pricing"),
        ("#/plans/pro?tab=year&order=up", "#/plans/pro?tab=year&order=up"),
        ("#/plans?utm_source=mail&tab=year", "#/plans?tab=year"),
        ("#/plans?utm_source=mail", "#/plans"),
        ("#/?tab=year", "#/?tab=year"),
        ("#/docs#install", "#/docs"),
        ("#/über uns", "#/%C3%BCber%20uns"),
        # The start of the application is its document.
        ("#/", ""),
        ("#!/", ""),
        ("#/?utm_source=mail", ""),
        ("#/#install", ""),
        # Sections of a page.
        ("#pricing", ""),
        ("#plans/pro", ""),
        ("#!pricing", ""),
        ("#:~:text=/pricing", ""),
        ("#", ""),
        ("#!", ""),
    ],
)
def test_a_route_belongs_to_the_address_and_a_section_never_does(fragment: str, route: str) -> None:
    assert normalise(APP + fragment, routes=True) == APP + route
    assert normalise(fragment, APP, routes=True) == APP + route
    assert normalise(APP + route, routes=True) == APP + route
    assert normalise(APP + fragment) == APP
    assert (document_of(APP + route), route_of(APP + route)) == (APP, route)


def test_links_keep_routes_only_where_a_browser_has_rendered_the_page() -> None:
    html = (
        "<a href='#/pricing'>1</a><a href='/x#!/y'>2</a><a href='#top'>3</a><a href='#/'>4</a>"
        "<link rel=canonical href='#/pricing'>"
    )
    rendered = extract_links(html, f"{APP}#/about", routes=True)
    assert rendered.links == (f"{APP}#/pricing", "https://app.example/x#!/y", APP)
    assert rendered.canonical == f"{APP}#/pricing"
    sent = extract_links(html, APP)
    assert sent.links == (APP, "https://app.example/x")
    assert sent.canonical == APP


def test_patterns_and_names_of_files_look_at_the_address_without_its_route() -> None:
    url = "https://app.example/docs#/private/guide.pdf"
    assert exclusion_reason(url, SITE, ScopeRules(include=("/docs",))) is None
    assert exclusion_reason(url, SITE, ScopeRules(exclude=("*private*",))) is None
    assert exclusion_reason(url, SITE, ScopeRules(exclude=("/docs",))) is ExclusionReason.EXCLUDED
    assert is_not_included(url, ScopeRules(include=("/other",)))
    assert file_kind(url) is None


def test_types_ids_and_traps_read_a_route_as_a_path() -> None:
    assert as_path("https://app.example/#!/plans?tab=year") == "https://app.example/plans?tab=year"
    assert as_path(f"{APP}?lang=en#/plans") == f"{APP}/plans"
    assert as_path(f"{APP}?lang=en") == f"{APP}?lang=en"
    assert classify_page("https://app.example/#/pricing") == "pricing"
    assert classify_page("https://app.example/") == "home"
    assert subject_name("https://app.example/#/pricing") == "app.example-pricing"
    endless = "https://app.example/#/calendar/2099/12"
    assert Traps(TODAY).recognise(endless) is Trap.CALENDAR
    assert uses_budget("https://app.example/#/calendar/2024/12")
    assert Traps(TODAY).recognise("https://app.example/#/a/a/a") is Trap.ENDLESS_PATH


def test_a_redirect_that_adds_a_visit_is_taken_out_of_links_with_routes() -> None:
    links = without_visit([f"{APP}?v=1#/a", f"{APP}#/b"], f"{APP}?v=1", APP)
    assert links == (f"{APP}#/a", f"{APP}#/b")


@pytest.mark.parametrize(
    ("render", "page", "route"),
    [(Render.AUTO, False, True), (Render.ALWAYS, True, True), (Render.NEVER, False, False)],
)
def test_a_page_with_a_route_is_rendered_unless_nothing_is(
    render: Render, page: bool, route: bool
) -> None:
    profile = CrawlProfile(render=render)
    assert (profile.renders(APP), profile.renders(f"{APP}#/x")) == (page, route)
