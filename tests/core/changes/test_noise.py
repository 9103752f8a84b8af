"""Masks for noise: lines that differ at each visit."""

import pytest

from core.changes.noise import MASKS, masked, masked_title

SAME = {
    "time gone by": [
        ("Updated 2 hours ago", "Updated 3 days ago"), ("- Ann, 5 min ago", "- Ann, 1 hour ago"),
        ("Ann | 5 minutes ago", "Ann | just now"), ("vor 3 Stunden", "vor einem Tag"),
    ],
    "led date": [
        ("Last updated on May 12, 2026. A bug?", "Last updated on October 7, 2026. A bug?"),
        ("Last updated 2025-01-11 19:46:03 UTC", "Last updated 2025-10-07 12:22:08 UTC"),
        ("- Posted 3 May 2026", "- Posted 11 June 2026"),
        ("Page generated at 2026-05-03 10:12", "Page generated at 2026-05-04 11:30"),
        ("Zuletzt aktualisiert am 3. Mai 2026", "Zuletzt aktualisiert am 4. Mai 2026"),
        ("\x10  # Us \x10| generated 3 May 2026", "\x10  # Us \x10| generated 4 May 2026"),
    ],
    "date alone": [("May 26, 2026", "Nov 11, 2026"), ("10:12:44 UTC", "11:00:01 UTC"),
                   ("Monday, 3 May 2026", "Tuesday, 4 May 2026")],
    "duration": [("Page rendered in 0.132 s", "Page rendered in 12 ms")],
    "counters": [("1,204 views", "98,417 views"), ("3 likes · 4 comments", "5 likes · 9 comments")],
    "counter led": [("Views: 12", "Views: 13"), ("Visitors today: 1,204", "Visitors today: 9"),
                    ("You are visitor number 1,204", "You are visitor number 1,205")],
    "times viewed": [("This page was viewed 12 times.", "This page was viewed 1,300 times.")],
    "people here": [("18 people are viewing this", "203 people are viewing this")],
    "counters amid": [("By Ann · 1,204 views · 5 likes", "By Ann · 1.3K views · 6 likes")],
    "ratings counted": [("- 4.5 stars (1,204 reviews)", "- 4.5 stars (1,301 reviews)")],
    "count before a title": [("(3) Inbox", "(12) Inbox")],
    "numbered id": [("Request ID: 84123987", "Request ID: 55120934")],
    "bracketed count": [("Cart (0)", "Cart (3)"), ("# Comments (3)", "# Comments (4)")],
    "labelled id": [("Request ID: 9f86d081884c7d65", "Request ID: 1b4f0e9851971998"),
                    ("Session: sid-4f3c2a19be77", "Session: sid-00ffee12ab34")],
    "id alone": [("9f86d081884c7d659a2feaa0c55ad015", "1b4f0e9851971998e732078544c96b36")],
    "years of copyright": [("© 2019-2026 Acme", "© 2019-2027 Acme"),
                           ("Copyright 2026 Acme", "Copyright 2027 Acme")],
}  # fmt: skip


@pytest.mark.parametrize("name", [mask.name for mask in MASKS])
def test_each_mask_makes_its_lines_alike(name: str) -> None:
    for before, after in SAME[name]:
        assert masked(before) == masked(after)
        assert masked(before) != before


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("$99", "$129"), ("Pro costs $99 a month", "Pro costs $129 a month"),
        ("- 5,000 downloads", "- 1,000 downloads"), ("Views | 1,204", "Views | 98,417"),
        ("Files | Updated May 3, 2026", "Files | Updated May 4, 2026"),
        ("Debian 12 | 3 May 2026", "Debian 12 | 4 May 2026"),
        ("Up to 5,000 views per month", "Up to 1,000 views per month"),
        ("The sale ends on May 3, 2026", "The sale ends on May 9, 2026"),
        ("Effective date: May 3, 2026", "Effective date: June 3, 2026"),
        ("The bridge was built May 3, 1990", "The bridge was built May 3, 1991"),
        ("notice of 30 days", "notice of 14 days"), ("- 10 users", "- 12 users"),
        ("# 2026-05-03", "# 2026-05-04"), ("Version 3.11", "Version 3.12"),
        ("file | 9f86d081884c7d659a2feaa0c55ad015", "file | 1b4f0e9851971998e732078544c96b36"),
    ],
)  # fmt: skip
def test_news_is_not_masked(before: str, after: str) -> None:
    assert masked(before) != masked(after)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("Index — Policy Manual v4.5.1.0", "Index — Policy Manual v4.6.2.0"),
        ("Prices | Acme 2.3", "Prices | Acme 2.4"),
        ("Notes — BIND 9 9.18.49-1~deb12u1-Debian", "Notes — BIND 9 9.18.49-1~deb12u3-Debian"),
        ("(3) Inbox - Acme", "(12) Inbox - Acme"),
        ("(3) Inbox | Acme", "(12) Inbox | Acme"),
    ],
)
def test_a_version_behind_the_name_of_a_page_is_noise(before: str, after: str) -> None:
    assert masked_title(before) == masked_title(after)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("Acme 2.3", "Acme 2.4"),
        ("Acme 2.3 — Download", "Acme 2.4 — Download"),
        ("Prices | from $2.30", "Prices | from $2.40"),
        ("Prices | Acme 2", "Prices | Acme 3"),
        ("Prices | Acme", "Prices | Bolt"),
        ("Prices | Acme 2.3", "Prices | Acme"),
        (None, "Prices"),
    ],
)
def test_what_else_differs_in_a_title_is_news(before: str | None, after: str) -> None:
    assert masked_title(before) != masked_title(after)
