"""Detection of boilerplate: site-wide changes are not the change of any page."""

from dataclasses import dataclass

import pytest

from core.changes.boilerplate import (
    MAX_CHANGED_BLOCKS,
    MAX_SIBLINGS,
    MIN_SIBLINGS,
    Edit,
    LineEdit,
    OwnChange,
    Sibling,
    SiblingVersion,
    TitleEdit,
    most_similar_pages,
    without_boilerplate,
)
from core.changes.detection import SeenPage, detect_change
from core.text.stored_text import legacy_lines

HEAD = "Acme\nVersion 1.0, for everybody\nSupport"
FOOT = "Made in Zurich\nAll rights reserved"
NEWER = HEAD.replace("1.0", "1.1")


def page(own: str, head: str = HEAD, foot: str = FOOT) -> str:
    return f"{head}\n# About {own}\nThis page says {own}.\n{foot}"


def sibling(now: str, earlier: str | None = None, title: str = "Page - Acme Ltd") -> Sibling:
    then = SiblingVersion(title, earlier) if earlier is not None else None
    return Sibling(SiblingVersion(title, now), then)


STILL = [sibling(page(f"part {n}")) for n in range(MAX_SIBLINGS)]


def followed(head: str = HEAD, foot: str = FOOT) -> list[Sibling]:
    """Siblings of which one has changed in the same way, and the others have not."""
    return [sibling(page("the first", head, foot), page("the first")), *STILL[1:]]


def own_change(
    before: str,
    after: str,
    siblings: list[Sibling],
    titles: tuple[str, str] = ("Page - Acme Ltd", "Page - Acme Ltd"),
    probe: Sibling | None = None,
) -> OwnChange:
    url = "https://a.example/page"
    seen = SeenPage(url, titles[0], before), SeenPage(url, titles[1], after)
    detected = detect_change(*seen)
    assert detected is not None
    return without_boilerplate(detected, *seen, siblings, probe)


def summary(found: OwnChange) -> str | None:
    return found.detected.summary if found.detected else None


@dataclass(frozen=True)
class Case:
    """A change of all pages of a site."""

    head: str = HEAD
    foot: str = FOOT


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(Case(head=NEWER), id="a line of the head changes"),
        pytest.param(Case(foot=FOOT.replace("Zurich", "Bern")), id="a line of the foot changes"),
        pytest.param(Case(head=HEAD.replace("Acme\n", "")), id="the first line goes"),
        pytest.param(Case(foot=FOOT.replace("\nAll rights reserved", "")), id="the last line goes"),
        pytest.param(Case(head="We moved to a new house!\n" + HEAD), id="a banner at the top"),
        pytest.param(
            Case(head=HEAD.replace("Support", "Jobs\nBlog\nSupport")), id="two lines come"
        ),
        pytest.param(Case(foot=FOOT + "\nStatus"), id="a line at the bottom"),
        pytest.param(
            Case(head=NEWER.replace("Support", "Careers\nSupport")), id="beside a line that changes"
        ),
        pytest.param(
            Case(head="Support\nAcme\nVersion 1.0, for everybody"), id="a line moves in the head"
        ),
    ],
)
def test_what_another_page_changed_in_the_same_way_is_no_news(case: Case) -> None:
    after = page("us", case.head, case.foot)
    assert own_change(page("us"), after, followed(case.head, case.foot)) == OwnChange(None)


def test_what_the_site_changed_the_time_before_tells_as_well_what_it_changes_now() -> None:
    newest = HEAD.replace("1.0", "1.2")
    time_before = [sibling(page(f"part {n}", NEWER), page(f"part {n}")) for n in range(7)]
    found = own_change(page("us", NEWER), page("us", newest), time_before)
    assert found.suspects == {LineEdit("Version 1.1, for everybody", "Version 1.2, for everybody")}
    followed_again = [sibling(page("the first", newest), page("the first", NEWER)), *time_before]
    assert own_change(page("us", NEWER), page("us", newest), followed_again) == OwnChange(None)


@pytest.mark.parametrize(
    ("head", "foot", "suspect"),
    [
        (NEWER, FOOT, LineEdit("Version 1.0, for everybody", "Version 1.1, for everybody")),
        (HEAD, FOOT.replace("Made in Zurich\n", ""), LineEdit("Made in Zurich", None)),
        (
            HEAD.replace("Support", "Blog\nSupport"),
            FOOT,
            LineEdit(None, "Blog", gap=("Version 1.0, for everybody", "Support")),
        ),
    ],
)
def test_what_no_other_page_has_changed_is_news_and_suspected(
    head: str, foot: str, suspect: Edit
) -> None:
    found = own_change(page("us"), page("us", head, foot), STILL)
    assert found.detected is not None
    assert found.suspects == {suspect}


def test_of_a_page_that_changed_with_the_site_its_own_news_is_told() -> None:
    found = own_change(
        page("us"), page("us", NEWER).replace("says us", "says them"), followed(NEWER)
    )
    assert summary(found) == "Changed “us.” to “them.” in “This page says us.”."
    assert found.suspects == frozenset()


@pytest.mark.parametrize(
    ("line", "after"),
    [
        ("From $99 a month", "From $129 a month"),
        ("Seats | 5 | 10", "Seats | 5 | 12"),
    ],
)
def test_amounts_of_money_and_rows_of_tables_are_content_wherever_they_stand(
    line: str, after: str
) -> None:
    head, dearer = f"{HEAD}\n{line}", f"{HEAD}\n{after}"
    siblings = [
        sibling(page("the first", dearer), page("the first", head)),
        *(sibling(page(f"part {n}", head)) for n in range(7)),
    ]
    found = own_change(page("us", head), page("us", dearer), siblings)
    assert found.detected is not None
    assert found.suspects == frozenset()


def test_a_price_that_comes_to_every_page_is_news_of_each() -> None:
    priced = f"{HEAD}\nNow only $5"
    assert own_change(page("us"), page("us", priced), followed(priced)).detected is not None


def test_what_pages_share_amid_their_content_is_content() -> None:
    shared = "# Plans\n- Unlimited projects\nChoose one."
    edited = shared.replace("Unlimited", "Ten")
    siblings = [
        sibling(page(f"this. {shared}"), page(f"this. {edited}")),
        *(sibling(page(f"part {n}. {shared}")) for n in range(7)),
    ]
    found = own_change(page(f"us. {shared}"), page(f"us. {edited}"), siblings)
    assert found.detected is not None
    assert found.suspects == frozenset()


def test_a_line_of_the_head_that_stands_in_the_content_too_is_content() -> None:
    before = page("us").replace("says us.", "says us.\nSupport")
    after = before.replace("us.\nSupport", "us.\nNo support")
    dropped = HEAD.replace("\nSupport", "")
    assert own_change(before, after, followed(dropped)).detected is not None


def test_what_few_pages_share_is_content() -> None:
    others = [sibling(f"Other {n}\n# Its own\nWhat it says") for n in range(4)]
    found = own_change(page("us"), page("us", NEWER), [*followed(NEWER)[:8], *others])
    assert found.detected is not None
    assert found.suspects == frozenset()


def test_a_page_that_is_asked_anew_tells_what_it_changed() -> None:
    probe = sibling(page("the first", NEWER), page("the first"))
    found = own_change(page("us"), page("us", NEWER), STILL, probe=probe)
    assert found == OwnChange(None)


def test_a_page_that_is_asked_anew_has_one_voice_in_what_the_pages_share() -> None:
    """The sibling has changed before the edit of another line, so it cannot confirm that one."""
    siblings = [sibling("Another head"), *followed(NEWER)[:6]]
    after = page("us", NEWER, FOOT.replace("Zurich", "Bern"))
    found = own_change(page("us"), after, siblings, probe=sibling(*[page("the first", NEWER)] * 2))
    assert summary(found) == "Changed “Zurich” to “Bern” in “Made in Zurich”."


def test_of_a_small_site_nothing_is_known() -> None:
    few = followed(NEWER)[: MIN_SIBLINGS - 1]
    assert own_change(page("us"), page("us", NEWER), few).detected is not None
    assert (
        own_change(page("us"), page("us", NEWER), followed(NEWER)[:MIN_SIBLINGS]).detected is None
    )


def test_a_page_of_errors_is_no_witness() -> None:
    broken = sibling("Access denied\nSupport", page("the first"))
    gone = HEAD.replace("Acme\n", "")
    found = own_change(page("us"), page("us", gone), [broken, *STILL[1:]])
    assert found.detected is not None
    assert found.suspects == {LineEdit("Acme", None)}


def test_a_page_that_was_rewritten_is_not_looked_at_line_by_line() -> None:
    new = "\n".join(f"Line {n} of many" for n in range(MAX_CHANGED_BLOCKS))
    after = page(f"us\n{new}", NEWER)
    found = own_change(page("us"), after, followed(NEWER))
    assert found.detected is not None
    assert len(found.detected.difference.blocks) > MAX_CHANGED_BLOCKS


VERBATIM_HEAD = "\x10# Acme\nHome \x10| Docs \x10|\n\x10  Version 1.0, for everybody\n\x10- Support"


def older(text: str) -> str:
    """The text in legacy form, without escapes."""
    return "\n".join(legacy_lines(text))


def test_pages_that_older_versions_have_stored_tell_what_is_boilerplate() -> None:
    newer = VERBATIM_HEAD.replace("1.0", "1.1")
    before, after = page("us", VERBATIM_HEAD), page("us", newer)
    siblings = [
        sibling(older(page(f"part {n}", VERBATIM_HEAD)) if n % 2 else page(f"p {n}", VERBATIM_HEAD))
        for n in range(7)
    ]
    first = own_change(older(before), after, siblings)
    assert first.suspects == {
        LineEdit("Version 1.0, for everybody", "Version 1.1, for everybody"),
    }
    for stored in (page("the first", VERBATIM_HEAD), older(page("the first", VERBATIM_HEAD))):
        probe = sibling(page("the first", newer), stored)
        assert own_change(older(before), after, siblings, probe=probe) == OwnChange(None)
        assert own_change(before, after, siblings, probe=probe) == OwnChange(None)


RETITLED = [
    Sibling(
        SiblingVersion("First - Acme Inc", page("a")), SiblingVersion("First - Acme Ltd", page("a"))
    ),
    *STILL[1:],
]


def test_the_name_of_the_site_in_titles_is_boilerplate() -> None:
    titles = "Page - Acme Ltd", "Page - Acme Inc"
    assert own_change(page("us"), page("us"), RETITLED, titles) == OwnChange(None)
    first = own_change(page("us"), page("us"), STILL, titles)
    assert summary(first) == "Title changed from “Page - Acme Ltd” to “Page - Acme Inc”."
    assert first.suspects == {TitleEdit("Ltd", "Inc")}


def test_a_page_that_is_renamed_beside_its_site_is_news() -> None:
    found = own_change(
        page("us"), page("us"), RETITLED, ("Page - Acme Ltd", "Another page - Acme Inc")
    )
    assert summary(found) == "Title changed from “Page - Acme Ltd” to “Another page - Acme Inc”."


def test_a_title_that_names_an_amount_is_content() -> None:
    titles = "Page - from $5", "Page - from $6"
    siblings = [
        Sibling(SiblingVersion(titles[1], page("a")), SiblingVersion(titles[0], page("a"))),
        *(sibling(page("b"), title=titles[0]) for _ in range(7)),
    ]
    assert own_change(page("us"), page("us"), siblings, titles).detected is not None


def test_text_of_the_site_and_its_name_go_together() -> None:
    titles = "Page - Acme Ltd", "Page - Acme Inc"
    siblings = [
        Sibling(
            SiblingVersion("First - Acme Inc", page("a", NEWER)),
            SiblingVersion("First - Acme Ltd", page("a")),
        ),
        *STILL[1:],
    ]
    assert own_change(page("us"), page("us", NEWER), siblings, titles) == OwnChange(None)


@dataclass(frozen=True)
class At:
    """A page with a URL."""

    url: str


BLOG = [At(f"https://a.example/blog/{n}") for n in range(20)]
DEEPER = [At(f"https://a.example/blog/{n}/comments") for n in range(20)]
OTHERS = [At(f"https://a.example/{n}") for n in range(20)]


@pytest.mark.parametrize(
    ("pages", "chosen"),
    [
        pytest.param([*OTHERS, *DEEPER, *BLOG], BLOG[:MAX_SIBLINGS], id="the newest of its part"),
        pytest.param([*OTHERS, *BLOG[:5]], BLOG[:5], id="none but those of its part"),
        pytest.param(
            [*OTHERS, *DEEPER, *BLOG[:4]],
            [*BLOG[:4], *DEEPER][:MAX_SIBLINGS],
            id="those of the next part where its own has too few",
        ),
        pytest.param([*BLOG[:2], *OTHERS[:1]], [*BLOG[:2], *OTHERS[:1]], id="all of a small site"),
        pytest.param([], [], id="a site of one page"),
    ],
)
def test_a_page_is_judged_by_those_that_begin_their_addresses_alike(
    pages: list[At], chosen: list[At]
) -> None:
    assert most_similar_pages("https://a.example/blog/x", pages) == chosen
