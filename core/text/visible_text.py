"""The text that a reader of an HTML page sees, block by block."""

from typing import Final

from selectolax.lexbor import LexborHTMLParser, LexborNode

from core.changes.money import find_money
from core.text.blocks import INLINE, INVISIBLE, Block, BlockCollector
from core.text.page_areas import KEEPS_MONEY, PageArea, area_of, is_closed_dialog
from core.web.crawl_settings import WHOLE, Parts
from core.web.selectors import selected

_WITHOUT_ATTRIBUTES: Final = frozenset({"-comment", "br", "hr", "tbody"})
"""Nodes that have none."""


def visible_blocks(html: str, parts: Parts = WHOLE) -> tuple[Block, ...]:
    """The blocks of those `parts` of the page, in order. Nothing that is shown is left out.

    A table row is one block. Scripts, and what is hidden by an attribute, are not shown; what the
    page marks as a time is left out, since it tells when something was said.
    """
    tree = LexborHTMLParser(html)
    collector = BlockCollector(preformatted=_is_plain_text(tree))
    for root in selected(tree, parts):
        _walk(root, collector)
        collector.flush()
    return tuple(collector.blocks)


def _is_plain_text(tree: LexborHTMLParser) -> bool:
    """Whether the document has lines of text and no markup."""
    only = tree.body.child if tree.body is not None else None
    if only is None or only.next is not None or only.tag != "-text":
        return False
    return "\n" in (only.text_content or "").strip()


def shown_length(tree: LexborHTMLParser, most: int) -> int:
    """How many characters the page shows, or some number above `most`: no more are counted."""
    collector = BlockCollector()
    for root in selected(tree, WHOLE):
        _walk(root, collector, most)
        collector.flush()
    return collector.length


AFTER_FOOTER: Final = 2
"""Blocks that may follow the footer of a page, such as a link to its top."""


def content_blocks(html: str, parts: Parts = WHOLE) -> tuple[Block, ...]:
    """The blocks of the page without what stands around its content; all, if that is everything.
    Of a part that is watched nothing is left out: it was chosen.

    An amount of money in a menu or footer is content all the same. Where more than `AFTER_FOOTER`
    blocks follow what calls itself a footer, it is not that of the page, and none is.
    """
    blocks = visible_blocks(html, parts)
    if parts.watch is not None:
        return blocks
    regions = [block.area for block in blocks]
    around = set(PageArea) - {PageArea.CONTENT}
    if PageArea.FOOTER in regions:
        following = regions[regions.index(PageArea.FOOTER) :]
        if following.count(PageArea.CONTENT) > AFTER_FOOTER:
            around.remove(PageArea.FOOTER)
    kept = tuple(
        block
        for block in blocks
        if block.area not in around or (block.area in KEEPS_MONEY and find_money(block.text))
    )
    return kept or blocks


def _walk(root: LexborNode, collector: BlockCollector, most: int | None = None) -> None:
    """Depth first without recursion: pages nest deeper than Python does. Ends early when more than
    `most` characters were gathered.
    """
    node: LexborNode | None = root
    # By address: to compare two nodes themselves writes both out as HTML.
    root_id = root.mem_id
    while node is not None and (most is None or collector.length <= most):
        tag = node.tag or ""
        if tag == "-text":
            collector.text(node.text_content or "")
            node = _next_after(node, root_id, collector)
            continue
        attributes = node.attributes if tag not in _WITHOUT_ATTRIBUTES else {}
        if not _is_hidden(tag, attributes):
            collector.enter(tag, area_of(node, tag, attributes) if tag not in INLINE else None)
            if node.child is not None:
                node = node.child
                continue
            collector.leave(tag)
        node = _next_after(node, root_id, collector)


def _next_after(node: LexborNode, root_id: int, collector: BlockCollector) -> LexborNode | None:
    """The node after `node` and its children; the elements that end on the way are left."""
    at: LexborNode | None = node
    while at is not None and at.mem_id != root_id:
        if at.next is not None:
            return at.next
        at = at.parent
        if at is not None:
            collector.leave(at.tag or "")
    return None


def _is_hidden(tag: str, attributes: dict[str, str | None]) -> bool:
    if tag in INVISIBLE or tag.startswith("-"):
        return True
    if not attributes:
        return tag == "dialog"
    if "hidden" in attributes or is_closed_dialog(tag, attributes):
        return True
    style = "".join((attributes.get("style") or "").split()).lower()
    return "display:none" in style or "visibility:hidden" in style
