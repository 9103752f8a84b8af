"""Extraction of the visible text of an HTML page, block by block."""

from typing import Final

from selectolax.lexbor import LexborHTMLParser, LexborNode

from core.changes.money import find_money
from core.text.blocks import INLINE_TAGS, INVISIBLE_TAGS, Block, BlockCollector
from core.text.page_areas import AREAS_WITH_PRICES, PageArea, area_of, is_closed_dialog
from core.web.crawl_settings import WHOLE_PAGE, Parts
from core.web.selectors import selected

_WITHOUT_ATTRIBUTES: Final = frozenset({"-comment", "br", "hr", "tbody"})
"""Nodes that have no attributes."""


def visible_blocks(html: str, parts: Parts = WHOLE_PAGE) -> tuple[Block, ...]:
    """All visible blocks of the selected `parts` of the page, in order.

    A table row is one block. Scripts, elements hidden by an attribute, and `time` elements are not
    included.
    """
    tree = LexborHTMLParser(html)
    collector = BlockCollector(preformatted=_is_plain_text(tree))
    for root in selected(tree, parts):
        _walk(root, collector)
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
        _walk(root, collector, most)
        collector.flush()
    return collector.length


MAX_BLOCKS_AFTER_FOOTER: Final = 2
"""Number of content blocks that may follow the footer of a page, such as a link to its top."""


def content_blocks(html: str, parts: Parts = WHOLE_PAGE) -> tuple[Block, ...]:
    """The content blocks of the page: without menus, footers, banners and the like.

    Returns all blocks if there are no content blocks, or if a part of the page is watched. A block
    in `AREAS_WITH_PRICES` that names an amount of money is content. A footer followed by more than
    `MAX_BLOCKS_AFTER_FOOTER` content blocks is not the footer of the page, so no footer is removed.
    """
    blocks = visible_blocks(html, parts)
    if parts.watch is not None:
        return blocks
    areas = [block.area for block in blocks]
    removed = set(PageArea) - {PageArea.CONTENT}
    if PageArea.FOOTER in areas:
        following = areas[areas.index(PageArea.FOOTER) :]
        if following.count(PageArea.CONTENT) > MAX_BLOCKS_AFTER_FOOTER:
            removed.remove(PageArea.FOOTER)
    kept = tuple(
        block
        for block in blocks
        if block.area not in removed or (block.area in AREAS_WITH_PRICES and find_money(block.text))
    )
    return kept or blocks


def _walk(root: LexborNode, collector: BlockCollector, most: int | None = None) -> None:
    """Collect the text below `root`, depth first; stop after more than `most` characters.

    Iterative, because pages nest deeper than Python's recursion limit.
    """
    node: LexborNode | None = root
    # Nodes are compared by address: `==` serialises both to HTML.
    root_id = root.mem_id
    while node is not None and (most is None or collector.length <= most):
        tag = node.tag or ""
        if tag == "-text":
            collector.text(node.text_content or "")
            node = _next_after(node, root_id, collector)
            continue
        attributes = node.attributes if tag not in _WITHOUT_ATTRIBUTES else {}
        if not _is_hidden(tag, attributes):
            collector.enter(tag, area_of(node, tag, attributes) if tag not in INLINE_TAGS else None)
            if node.child is not None:
                node = node.child
                continue
            collector.leave(tag)
        node = _next_after(node, root_id, collector)


def _next_after(node: LexborNode, root_id: int, collector: BlockCollector) -> LexborNode | None:
    """The node after `node` and its descendants; leaves the elements that end before it."""
    current: LexborNode | None = node
    while current is not None and current.mem_id != root_id:
        if current.next is not None:
            return current.next
        current = current.parent
        if current is not None:
            collector.leave(current.tag or "")
    return None


def _is_hidden(tag: str, attributes: dict[str, str | None]) -> bool:
    if tag in INVISIBLE_TAGS or tag.startswith("-"):
        return True
    if not attributes:
        return tag == "dialog"
    if "hidden" in attributes or is_closed_dialog(tag, attributes):
        return True
    style = "".join((attributes.get("style") or "").split()).lower()
    return "display:none" in style or "visibility:hidden" in style
