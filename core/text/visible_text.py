"""Extraction of the visible text of an HTML page, block by block."""

from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Final

from selectolax.lexbor import LexborHTMLParser, LexborNode

from core.changes.money import find_money
from core.text.blocks import INLINE_TAGS, INVISIBLE_TAGS, Block, BlockCollector, BlockKind
from core.text.elements import (
    FIELDS,
    Panels,
    field_text,
    is_struck,
    label_of,
    may_be_labelled,
    raises_text,
    sets_apart,
    target_of,
)
from core.text.page_areas import (
    AREAS_WITH_PRICES,
    MASK_OF_AREA,
    AreaFinder,
    PageArea,
    is_closed_dialog,
)
from core.text.shadow_roots import with_shadow_roots
from core.web.crawl_settings import WHOLE_PAGE, MaskName, Parts
from core.web.selectors import selected
from core.web.structured_data import offers_of

_WITHOUT_ATTRIBUTES: Final = frozenset({"-comment", "br", "hr", "tbody"})
"""Nodes that have no attributes."""

MAX_FRAME_DEPTH: Final = 3
"""Number of documents within documents (`iframe srcdoc`) that are read; as in
`core.web.frames`."""


def visible_blocks(
    html: str, parts: Parts = WHOLE_PAGE, url: str | None = None
) -> tuple[Block, ...]:
    """All visible blocks of the selected `parts` of the page at `url`, in order.

    A table row is one block. Images and icons show their alternative texts, form fields their
    values and states, tabs and accordions all their panels, `srcdoc` frames their documents.
    Scripts and other elements hidden by an attribute are not included, nor are `time` elements
    unless `parts.masks` leaves dates unmasked.
    """
    tree = LexborHTMLParser(with_shadow_roots(html))
    collector = BlockCollector(preformatted=_is_plain_text(tree))
    for root in selected(tree, parts):
        _Walk(tree, root, collector, parts, url).run()
        collector.flush()
    return tuple(collector.blocks)


def _is_plain_text(tree: LexborHTMLParser) -> bool:
    """Whether the document consists of lines of text without markup."""
    only = tree.body.child if tree.body is not None else None
    if only is None or only.next is not None or only.tag != "-text":
        return False
    return "\n" in (only.text_content or "").strip()


def shown_length(tree: LexborHTMLParser, most: int) -> int:
    """The number of visible characters; any number above `most` means more than `most`."""
    collector = BlockCollector()
    for root in selected(tree, WHOLE_PAGE):
        _Walk(tree, root, collector, WHOLE_PAGE, None, most).run()
        collector.flush()
    return collector.length


MAX_BLOCKS_AFTER_FOOTER: Final = 2
"""Number of content blocks that may follow the footer of a page, such as a link to its top."""

MIN_PRICED_ITEMS: Final = 3
"""Number of lines with an amount of money from which a part called an advertisement is a list of
offers, if the rest of the page has fewer."""


MIN_CONTENT_BLOCKS: Final = 3
MIN_CONTENT_LENGTH: Final = 80
"""Numbers of blocks and characters, of which a part needs one to be most of a page."""

MIN_MEAN_LENGTH: Final = 40
"""Mean number of characters of the lines of a part called a menu or footer, from which the lines
are prose.
"""

_AREAS_OF_LINKS: Final = frozenset({PageArea.NAVIGATION, PageArea.FOOTER})


def content_blocks(
    html: str, parts: Parts = WHOLE_PAGE, url: str | None = None
) -> tuple[Block, ...]:
    """The content blocks of the page: without menus, footers, banners and the like.

    Returns all blocks if there are no content blocks. A part that `parts.masks` does not cover is
    content. So is a part that a class or id alone says is none, if most of the page's text is in
    it, or most of its prices. A block in `AREAS_WITH_PRICES` that names an amount of money is
    content. A footer followed by more than `MAX_BLOCKS_AFTER_FOOTER` content blocks is not the
    footer of the page, so no footer is removed. Offers of the structured data are the last blocks.
    """
    blocks = visible_blocks(html, parts, url)
    if parts.watch is not None and not parts.masks:
        return blocks
    areas = [block.area for block in blocks]
    removed = {area for area, mask in MASK_OF_AREA.items() if mask in parts.masks}
    if PageArea.FOOTER in areas:
        following = areas[areas.index(PageArea.FOOTER) :]
        if following.count(PageArea.CONTENT) > MAX_BLOCKS_AFTER_FOOTER:
            removed.discard(PageArea.FOOTER)
    content = _parts_of_content(blocks, removed)
    kept = tuple(
        block
        for block in blocks
        if block.area not in removed
        or block.part in content
        or (block.area in AREAS_WITH_PRICES and find_money(block.text))
    )
    shown = kept or blocks
    if parts.watch is not None or not shown:
        return shown
    offers = offers_of(LexborHTMLParser(html)) if _may_have_offers(html) else ()
    return (*shown, *(Block(BlockKind.DATA, offer) for offer in offers))


def _may_have_offers(html: str) -> bool:
    return any(word in html for word in ("price", "Price", "vailability", "eventStatus"))


def _parts_of_content(blocks: tuple[Block, ...], removed: set[PageArea]) -> set[int]:
    """The numbers of the parts that are content whatever their class is called."""
    lengths: Counter[int] = Counter()
    counts: Counter[int] = Counter()
    areas: dict[int, PageArea] = {}
    of_area: Counter[PageArea] = Counter()
    total = 0
    for block in blocks:
        total += len(block.text)
        if block.area in removed and block.part > 0:
            of_area[block.area] += len(block.text)
            areas[block.part] = block.area
            lengths[block.part] += len(block.text)
            counts[block.part] += 1
    found = {
        part
        for part, length in lengths.items()
        if 2 * length > total
        and (counts[part] >= MIN_CONTENT_BLOCKS or length >= MIN_CONTENT_LENGTH)
        and (areas[part] not in _AREAS_OF_LINKS or length >= MIN_MEAN_LENGTH * counts[part])
    }
    for area in (PageArea.ADVERTISEMENT, PageArea.VOICES):
        repeated = [part for part, its_area in areas.items() if its_area is area]
        if len(repeated) >= MIN_CONTENT_BLOCKS and 2 * of_area[area] > total:
            found.update(repeated)  # an item each, such as classified advertisements
    for area in {PageArea.ADVERTISEMENT, PageArea.CONSENT} & set(areas.values()):
        priced = sum(bool(find_money(each.text)) for each in blocks if each.area is area)
        if priced < MIN_PRICED_ITEMS:
            continue
        if priced > sum(bool(find_money(each.text)) for each in blocks if each.area is not area):
            found |= {part for part, its_area in areas.items() if its_area is area}
    return found


_MEAN_SOMETHING: Final = frozenset(
    {"del", "s", "strike", "li", "input", "button", "select", "option", "textarea"}
)
"""Elements that mean something without an attribute, or where an element around them has one."""


class _Walk:
    """Collects the text below `root`, depth first; stops after more than `most` characters.

    Iterative, because pages nest deeper than Python's recursion limit.
    """

    def __init__(
        self,
        tree: LexborHTMLParser,
        root: LexborNode,
        collector: BlockCollector,
        parts: Parts,
        url: str | None,
        most: int | None = None,
        depth: int = 0,
    ) -> None:
        self._root = root
        # Nodes are compared by address: `==` serialises both to HTML.
        self._root_id = root.mem_id
        self._collector = collector
        self._parts = parts
        self._url = url
        self._most = most
        self._depth = depth
        self._panels = Panels(tree)
        self._areas = AreaFinder(tree)
        self._shows_time = MaskName.DATES not in parts.masks
        self._plain_lists: dict[int, bool] = {}
        self._at_end: dict[int, list[Callable[[], None]]] = {}
        """What follows an element, by the address of its node."""

    def run(self) -> None:
        """Collect the text."""
        collector = self._collector
        node: LexborNode | None = self._root
        while node is not None and (self._most is None or collector.length <= self._most):
            tag = node.tag or ""
            if tag == "-text":
                collector.text(node.text_content or "")
                node = self._next_after(node)
                continue
            attributes = node.attributes if tag not in _WITHOUT_ATTRIBUTES else {}
            if self._is_hidden(node, tag, attributes):
                if tag in ("svg", "iframe"):
                    self._show_unread(node, tag, attributes)
                node = self._next_after(node)
                continue
            found = self._areas.area_of(node, tag, attributes) if tag not in INLINE_TAGS else None
            collector.enter(tag, found)
            if (
                attributes
                or tag in _MEAN_SOMETHING
                or (sets_apart(tag) and collector.follows_digit)
            ):
                self._enter(node, tag, attributes)
            if node.child is not None:
                node = node.child
                continue
            self._leave(node, tag)
            node = self._next_after(node)

    def _enter(self, node: LexborNode, tag: str, attributes: dict[str, str | None]) -> None:
        """Add what the element shows besides its text, before or after it."""
        collector = self._collector
        after: list[Callable[[], None]] = []
        if is_struck(tag, attributes):
            collector.strike()
            after.append(collector.unstrike)
        if tag == "li":
            self._enter_item(node)
        elif sets_apart(tag) and collector.follows_digit:
            collector.set_apart(raises_text(node, tag, attributes))
            after.append(collector.join)
        if may_be_labelled(tag, attributes) and (label := label_of(node, tag, attributes)):
            collector.text(f" {label} ")
        if tag in FIELDS or "role" in attributes or "aria-disabled" in attributes:
            field = field_text(node, tag, attributes)
            if field.value:
                collector.text(f" {field.value} ")
            if field.state:
                after.append(partial(collector.text, field.state))
        if self._parts.links and (target := target_of(tag, attributes, self._url)):
            after.append(partial(collector.text, f" <{target}>"))
        if after:
            self._at_end[node.mem_id] = after

    def _enter_item(self, item: LexborNode) -> None:
        """Tell the collector if the item is of a list whose order has no meaning."""
        parent = item.parent
        if parent is None or parent.tag != "ul":
            return
        plain = self._plain_lists.get(parent.mem_id)
        if plain is None:
            plain = _is_plain_list(parent)
            self._plain_lists[parent.mem_id] = plain
        if plain:
            self._collector.unordered_item(parent.mem_id)

    def _show_unread(self, node: LexborNode, tag: str, attributes: dict[str, str | None]) -> None:
        """Add what a drawing or frame shows, whose elements are not read."""
        if "hidden" in attributes or _is_styled_away(attributes):
            return
        if tag == "svg":
            if label := label_of(node, tag, attributes):
                self._collector.text(f" {label} ")
            return
        inside = attributes.get("srcdoc")
        url = target_of(tag, attributes, self._url) or self._url
        self._collector.flush()
        if inside and self._depth < MAX_FRAME_DEPTH:
            tree = LexborHTMLParser(inside)
            if tree.root is not None:
                _Walk(
                    tree, tree.root, self._collector, self._parts, url, self._most,
                    self._depth + 1,
                ).run()  # fmt: skip
                self._collector.flush()
        elif self._parts.links and (target := target_of(tag, attributes, self._url)):
            self._collector.text(f"<{target}>")
            self._collector.flush()

    def _leave(self, node: LexborNode, tag: str) -> None:
        """End the element."""
        if self._at_end:
            for action in reversed(self._at_end.pop(node.mem_id, ())):
                action()
        self._collector.leave(tag)

    def _next_after(self, node: LexborNode) -> LexborNode | None:
        """The node after `node` and its descendants; leaves the elements that end before it."""
        current: LexborNode | None = node
        while current is not None and current.mem_id != self._root_id:
            if current.next is not None:
                return current.next
            current = current.parent
            if current is not None:
                self._leave(current, current.tag or "")
        return None

    def _is_hidden(self, node: LexborNode, tag: str, attributes: dict[str, str | None]) -> bool:
        if tag in INVISIBLE_TAGS or tag.startswith("-"):
            return True
        if tag == "time":
            return not self._shows_time
        if not attributes:
            return tag == "dialog"
        if is_closed_dialog(tag, attributes):
            return True
        if "hidden" in attributes or _is_styled_away(attributes):
            return not self._panels.has(node, tag, attributes)
        return False


def _is_styled_away(attributes: dict[str, str | None]) -> bool:
    style = attributes.get("style")
    if not style:
        return False
    style = "".join(style.split()).lower()
    return "display:none" in style or "visibility:hidden" in style


_NESTED: Final = "li ul, li ol, li dl, li table, li h1, li h2, li h3, li h4, li h5, li h6"
"""What an item of words alone does not have; a selector may match its own root."""


def _is_plain_list(node: LexborNode) -> bool:
    """Whether the items of a `ul` are words alone, and the list is not part of another one."""
    if node.css_first(_NESTED) is not None:
        return False
    parent = node.parent
    while parent is not None:
        if parent.tag in ("li", "dd"):
            return False
        parent = parent.parent
    return True
