"""What is done to pages: edits that a reader should hear of, and noise that nobody should."""

from collections.abc import Callable
from dataclasses import replace

from benchmarks.eval_changes.pages import Around, Page, Plan, Section

Edit = Callable[[Page], Page | None]
"""A real change; None where the page has nothing of the kind."""

Noise = Callable[[Around], Around]

UP = {
    "$19": "$24",
    "$99": "$129",
    "$249": "$229",
    "4,99 €": "5,49 €",
    "$12": "$15",
    "1.299,00 €": "1.349,00 €",
    "CHF 1’249.50": "CHF 1’349.00",
    "$45": "$39",
}


def first_price(page: Page) -> Page | None:
    """The price of the first card changes."""
    return _priced(page, 0)


def last_price(page: Page) -> Page | None:
    """The price of the last card changes."""
    return _priced(page, -1) if len(page.plans) > 1 else None


def _priced(page: Page, place: int) -> Page | None:
    if not page.plans:
        return None
    plans = list(page.plans)
    plans[place] = replace(plans[place], price=UP[plans[place].price])
    return replace(page, plans=tuple(plans))


def table_price(page: Page) -> Page | None:
    """One cell of a row of prices changes."""
    if page.table is None or not any("$" in cell for cell in page.table.rows[0]):
        return None
    first = tuple(UP["$12"] if cell == "$12" else cell for cell in page.table.rows[0])
    return replace(page, table=replace(page.table, rows=(first, *page.table.rows[1:])))


def plan_added(page: Page) -> Page | None:
    """A card more."""
    if len(page.plans) < 2:
        return None
    price = page.plans[0].price.replace("19", "499").replace("4,99", "49,90")
    new = Plan("Enterprise", price, page.plans[0].period, ("Dedicated manager", "On-site training"))
    return replace(page, plans=(*page.plans, new))


def plan_removed(page: Page) -> Page | None:
    """A card less."""
    return replace(page, plans=page.plans[:-1]) if len(page.plans) > 1 else None


def feature_added(page: Page) -> Page | None:
    """A list item more: of a card, or of a page about features."""
    if page.plans:
        last = page.plans[-1]
        grown = replace(last, features=(*last.features, "Priority onboarding"))
        return replace(page, plans=(*page.plans[:-1], grown))
    return _with_items(page, (*page.sections[0].items, "Screen sharing")) if _lists(page) else None


def feature_removed(page: Page) -> Page | None:
    """A list item less."""
    if page.plans:
        last = page.plans[-1]
        return replace(page, plans=(*page.plans[:-1], replace(last, features=last.features[:-1])))
    return _with_items(page, page.sections[0].items[:-1]) if _lists(page) else None


def _lists(page: Page) -> bool:
    return "features" in page.url and bool(page.sections and page.sections[0].items)


def _with_items(page: Page, items: tuple[str, ...]) -> Page:
    first = replace(page.sections[0], items=items)
    return replace(page, sections=(first, *page.sections[1:]))


def row_removed(page: Page) -> Page | None:
    """A row of a table of features goes."""
    if page.table is None or "plans" not in page.url:
        return None
    rows = page.table.rows
    return replace(page, table=replace(page.table, rows=(*rows[:3], *rows[4:])))


def row_added(page: Page) -> Page | None:
    """A row of a table of features comes."""
    if page.table is None or "plans" not in page.url:
        return None
    rows = (*page.table.rows, ("Sandbox", "No", "No", "Yes"))
    return replace(page, table=replace(page.table, rows=rows))


def cell_changed(page: Page) -> Page | None:
    """A cell of a table changes that is no price."""
    if page.table is None:
        return None
    *rest, last = page.table.rows
    changed = (*last[:-1], "99.95 %" if "%" in last[-1] else "May 2029 (extended)")
    return replace(page, table=replace(page.table, rows=(*rest, changed)))


def clause_changed(page: Page) -> Page | None:
    """A clause of legal terms says something else."""
    if not _legal(page):
        return None
    return _replaced(page, {"30 days": "14 days", "90 days": "365 days"})


def clause_reworded(page: Page) -> Page | None:
    """A clause is written anew."""
    if not _legal(page):
        return None
    first = page.sections[-1]
    reworded = replace(first, paragraphs=("All disputes are settled by an arbitrator in Dublin.",))
    return replace(page, sections=(*page.sections[:-1], reworded))


def clause_added(page: Page) -> Page | None:
    """A paragraph more in legal terms."""
    if not _legal(page):
        return None
    first = page.sections[0]
    grown = (*first.paragraphs, "We may pass on your data to the companies of our group.")
    return replace(page, sections=(replace(first, paragraphs=grown), *page.sections[1:]))


def _legal(page: Page) -> bool:
    return "terms" in page.url or "privacy" in page.url


def _replaced(page: Page, words: dict[str, str]) -> Page:
    def written(text: str) -> str:
        for old, new in words.items():
            text = text.replace(old, new)
        return text

    return replace(
        page,
        sections=tuple(
            replace(each, paragraphs=tuple(written(text) for text in each.paragraphs))
            for each in page.sections
        ),
    )


def section_added(page: Page) -> Page | None:
    """A heading with its text more."""
    if _legal(page):
        return None
    new = Section(
        "Partner programme",
        (
            "Partners earn a share of what they bring.",
            "Apply with two references from your customers.",
        ),
    )
    return replace(page, sections=(*page.sections, new))


def section_removed(page: Page) -> Page | None:
    """A heading with its text less."""
    return None if _legal(page) else replace(page, sections=page.sections[:-1])


def sentence_changed(page: Page) -> Page | None:
    """A paragraph of a page that is no legal one says something else."""
    if _legal(page) or not page.sections:
        return None
    first = page.sections[0]
    changed = (first.paragraphs[0].rstrip(".") + ", but only on workdays.", *first.paragraphs[1:])
    return replace(page, sections=(replace(first, paragraphs=changed), *page.sections[1:]))


def number_in_sentence(page: Page) -> Page | None:
    """One figure in running text changes."""
    changed = _replaced(
        page,
        {
            "100 seats": "50 seats",
            "twelve people": "twenty people",
            "200 MB": "350 MB",
            "ten years": "six years",
        },
    )
    return None if changed == page or _legal(page) else changed


def title_changed(page: Page) -> Page | None:
    """Only the title says something else."""
    return replace(page, title=f"{page.heading}: what is new")


REAL: dict[str, tuple[Edit, tuple[str, ...]]] = {
    "first price": (first_price, ("price_change",)),
    "last price": (last_price, ("price_change",)),
    "price in a table": (table_price, ("price_change",)),
    "plan added": (plan_added, ("section_added", "feature_added")),
    "plan removed": (plan_removed, ("section_removed", "feature_removed")),
    "feature added": (feature_added, ("feature_added",)),
    "feature removed": (feature_removed, ("feature_removed",)),
    "row removed": (row_removed, ("feature_removed",)),
    "row added": (row_added, ("feature_added",)),
    "cell changed": (cell_changed, ("content_change",)),
    "clause changed": (clause_changed, ("terms_update",)),
    "clause reworded": (clause_reworded, ("terms_update",)),
    "clause added": (clause_added, ("terms_update",)),
    "section added": (section_added, ("section_added",)),
    "section removed": (section_removed, ("section_removed",)),
    "sentence changed": (sentence_changed, ("content_change",)),
    "figure in a sentence": (number_in_sentence, ("content_change",)),
    "title changed": (title_changed, ("title_change",)),
}
"""Each edit with the types that it may be given; a plan that comes may be called either."""

NOISE: dict[str, Noise] = {
    "dates": lambda a: replace(
        a, updated="June 11, 2026", ago="yesterday", clock="2026-06-11 23:01:09 UTC"
    ),
    "new year": lambda a: replace(a, year="2027", updated="January 2, 2027", ago="3 days ago"),
    "tokens": lambda a: replace(
        a, token="1b4f0e9851971998e732078544c96b36", session="sid-00ffee12ab34"
    ),
    "counters": lambda a: replace(a, views="98,417", online="203", cart="3"),
    "testimonial": lambda a: replace(a, testimonial=a.testimonial + 1),
    "advert": lambda a: replace(a, advert=a.advert + 1),
    "variant": lambda a: replace(a, variant="b"),
    "consent": lambda a: replace(a, consent=not a.consent),
    "attributes": lambda a: replace(a, attributes_reversed=not a.attributes_reversed),
    "menu": lambda a: replace(a, menu=("Home", "Products", "Pricing", "Docs", "News")),
    "footer": lambda a: replace(a, footer=("About", "Press", "Careers", "Trust centre")),
    "popup": lambda a: replace(a, modal="Save 20 % on your first order!"),
    "build": lambda a: replace(a, build="rendered in 2.418 s"),
}
