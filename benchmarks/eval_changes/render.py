"""Pages as the HTML of real sites: three ways of building them."""

from collections.abc import Callable
from html import escape

from benchmarks.eval_changes.pages import ADVERTS, TESTIMONIALS, Around, Plan, Table, Visit

Skin = Callable[[Visit], str]


def _tag(around: Around, name: str, attributes: dict[str, str], inside: str) -> str:
    items = list(attributes.items())
    if around.attributes_reversed:
        items.reverse()
    written = "".join(f' {key}="{escape(value)}"' for key, value in items)
    return f"<{name}{written}>{inside}</{name}>"


def _consent(around: Around, marked: str) -> str:
    if not around.consent:
        return ""
    return (
        f"<div {marked}><p>We use cookies to improve your visit. Read our cookie policy.</p>"
        "<button>Accept all</button><button>Reject</button></div>"
    )


def _table(table: Table | None) -> str:
    if table is None:
        return ""
    head = "".join(f"<th>{escape(each)}</th>" for each in table.header)
    rows = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in table.rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"


def semantic(visit: Visit) -> str:
    """HTML 5 elements with roles, as a content system writes them."""
    page, around = visit.page, visit.around
    menu = "".join(f"<li><a href='/{each}'>{each}</a></li>" for each in around.menu)
    cards = "".join(_semantic_card(around, plan) for plan in page.plans)
    sections = "".join(
        f"<section><h2>{escape(each.heading)}</h2>"
        + "".join(f"<p>{escape(text)}</p>" for text in each.paragraphs)
        + _list(each.items)
        + "</section>"
        for each in page.sections
    )
    quote, by = TESTIMONIALS[around.testimonial % len(TESTIMONIALS)]
    foot = " ".join(f"<a href='#'>{each}</a>" for each in around.footer)
    return f"""<!doctype html><html lang="en"><head><title>{escape(page.title)}</title>
<meta name="csrf-token" content="{around.token}"></head><body class="ab-{around.variant}">
{_consent(around, 'id="cookie-banner" role="dialog" aria-label="Cookie consent"')}
<header><nav aria-label="Main"><ul>{menu}</ul></nav>
<span class="cart">Cart ({around.cart})</span></header>
<main><h1>{escape(page.heading)}</h1>
<p class="byline">Last updated on <time datetime="{around.clock}">{around.updated}</time></p>
<div class="plans">{cards}</div>{_table(page.table)}{sections}
<section class="testimonials"><blockquote>{quote}</blockquote><cite>{by}</cite></section>
<p>{around.views} views</p><p>{around.online} people are viewing this page right now</p>
<div class="ad-slot" data-slot="top">{ADVERTS[around.advert % len(ADVERTS)]}</div>
<form><input type="hidden" name="csrf" value="{around.token}"><label>Email <input></label></form>
</main>
<div role="dialog" aria-hidden="true" class="modal">{around.modal}</div>
<footer>{foot}<p>© {around.year} Acme Ltd.</p><p>Request ID: {around.token}</p></footer>
<script>window.session = "{around.session}"</script></body></html>"""


def _list(items: tuple[str, ...]) -> str:
    return "<ul>" + "".join(f"<li>{escape(i)}</li>" for i in items) + "</ul>" if items else ""


def _semantic_card(around: Around, plan: Plan) -> str:
    items = "".join(f"<li>{escape(each)}</li>" for each in plan.features)
    inside = (
        f"<h3>{escape(plan.name)}</h3><p><strong>{escape(plan.price)}</strong>"
        f" <span>{escape(plan.period)}</span></p><ul>{items}</ul><a href='/buy'>Choose</a>"
    )
    attributes = {"class": f"card card-{around.variant}", "id": plan.name, "data-k": around.session}
    return _tag(around, "article", attributes, inside)


def divisions(visit: Visit) -> str:
    """Nothing but divisions with classes, as frameworks write them."""
    page, around = visit.page, visit.around
    menu = "".join(f'<div class="nav-item"><a href="#">{each}</a></div>' for each in around.menu)
    cards = "".join(_division_card(around, plan) for plan in page.plans)
    parts = []
    for each in page.sections:
        parts.append(f'<div class="h2" role="heading"><h2>{escape(each.heading)}</h2></div>')
        parts += [f'<div class="text-{around.variant}">{escape(t)}</div>' for t in each.paragraphs]
        parts += [f"<ul><li><span>{escape(i)}</span></li></ul>" for i in each.items]
    quote, by = TESTIMONIALS[around.testimonial % len(TESTIMONIALS)]
    foot = "".join(f'<div><a href="#">{each}</a></div>' for each in around.footer)
    return f"""<html><head><title>{escape(page.title)}</title></head><body>
<div id="root" class="app css-{around.variant}1x2"><div class="navbar">{menu}</div>
<div class="content"><div class="hero"><h1>{escape(page.heading)}</h1>
<div class="meta">Updated {around.ago}</div></div><div class="grid">{cards}</div>
{_table(page.table)}{"".join(parts)}
<div class="testimonial-carousel"><div class="testimonial"><p>{quote}</p><p>{by}</p></div></div>
<div class="counter">{around.views} views</div>
<div class="advertisement">{ADVERTS[around.advert % len(ADVERTS)]}</div>
</div><div class="site-footer">{foot}<div>Copyright © 2019-{around.year}</div>
<div>Session: {around.session}</div><div>Page {around.build}</div></div>
{_consent(around, 'class="cc-window cookie-consent"')}
<div class="exit-popup" style="display:none">{around.modal}</div></div></body></html>"""


def _division_card(around: Around, plan: Plan) -> str:
    amount = plan.price.lstrip("$€CHF ")
    symbol = plan.price.removesuffix(amount)
    features = "".join(f'<li class="f-{around.variant}">✓ {escape(f)}</li>' for f in plan.features)
    inside = (
        f'<h3 class="name">{escape(plan.name)}</h3>'
        f'<div class="price"><span>{escape(symbol)}</span>'
        f"<span>{escape(amount)}</span> <small>{escape(plan.period)}</small></div>"
        f"<ul>{features}</ul>"
    )
    return _tag(around, "div", {"class": f"card v{around.variant}", "data-t": around.token}, inside)


def plain(visit: Visit) -> str:
    """Little markup and few classes, as older sites and documentation have it."""
    page, around = visit.page, visit.around
    menu = " | ".join(f"<a href='#'>{each}</a>" for each in around.menu)
    rows = "".join(
        f"<tr><td><b>{escape(plan.name)}</b></td>"
        f"<td>{escape(plan.price)} {escape(plan.period)}</td>"
        f"<td>{escape('; '.join(plan.features))}</td></tr>"
        for plan in page.plans
    )
    plans = f"<table border=1><tr><th>Plan<th>Price<th>What you get</tr>{rows}</table>"
    sections = "".join(
        f"<h2>{escape(each.heading)}</h2>"
        + "".join(f"<p>{escape(text)}" for text in each.paragraphs)
        + ("<ul>" + "".join(f"<li>{escape(i)}" for i in each.items) + "</ul>" if each.items else "")
        for each in page.sections
    )
    return f"""<html><head><title>{escape(page.title)}</title></head><body>
<div role="navigation">{menu}</div><h1>{escape(page.heading)}</h1>
{plans if page.plans else ""}{_table(page.table)}{sections}
<p>This page was viewed {around.views} times.<p>Last modified: {around.clock}
{_consent(around, 'id="gdpr-notice"')}
<hr><div id="footer">{" ".join(around.footer)}<br>
Page generated at {around.clock}, build {around.token[:10]}</div>
</body></html>"""


SKINS: dict[str, Skin] = {"semantic": semantic, "divisions": divisions, "plain": plain}


def html_of(visit: Visit, skin: str) -> str:
    """The page as a site of that making sends it."""
    return SKINS[skin](visit)
