"""The text that a reader of an HTML page sees, block by block."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from selectolax.lexbor import LexborHTMLParser, LexborNode

from core.crawlsettings import WHOLE, Parts
from core.differences import CELL_GAP
from core.money import find_money
from core.regions import KEEPS_MONEY, Region, is_closed_dialog, region_of
from core.selectors import selected


class BlockKind(StrEnum):
    """What a block is; the value is the mark before it in the text form."""

    HEADING = "# "
    ITEM = "- "
    TEXT = ""


@dataclass(frozen=True)
class Block:
    """A heading, a paragraph, a list item, a table row, a line of code: white space collapsed."""

    kind: BlockKind
    text: str
    region: Region = Region.CONTENT


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


INVISIBLE: Final = _names(
    "head time script style template noscript iframe object svg math audio video canvas"
)
INLINE: Final = _names(
    "a abbr acronym b bdi bdo big cite code data del dfn em font i img ins kbd label mark meter"
    " nobr output progress q rp rt ruby s samp small span strike strong sub sup time tt u var wbr"
    " -text -comment td th input slot"
)
"""Elements that do not end a block. Any other one does, also one that nobody has heard of: text
that is cut in two is still all there."""

_WITHOUT_ATTRIBUTES: Final = _names("-text -comment br hr tbody")
"""Nodes that have none."""

HEADINGS: Final = _names("h1 h2 h3 h4 h5 h6")
ITEMS: Final = _names("li dt dd")
CELLS: Final = _names("td th")


def visible_blocks(html: str, parts: Parts = WHOLE) -> tuple[Block, ...]:
    """The blocks of those `parts` of the page, in order. Nothing that is shown is left out.

    A table row is one block. Scripts, and what is hidden by an attribute, are not shown; what the
    page marks as a time is left out, since it tells when something was said.
    """
    tree = LexborHTMLParser(html)
    collector = _Collector()
    for root in selected(tree, parts):
        _walk(root, collector)
        collector.flush()
    return tuple(collector.blocks)


def shown_length(tree: LexborHTMLParser, most: int) -> int:
    """How many characters the page shows, or some number above `most`: no more are counted."""
    collector = _Collector()
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
    regions = [block.region for block in blocks]
    around = set(Region) - {Region.CONTENT}
    if Region.FOOTER in regions:
        following = regions[regions.index(Region.FOOTER) :]
        if following.count(Region.CONTENT) > AFTER_FOOTER:
            around.remove(Region.FOOTER)
    kept = tuple(
        block
        for block in blocks
        if block.region not in around or (block.region in KEEPS_MONEY and find_money(block.text))
    )
    return kept or blocks


def to_text(blocks: tuple[Block, ...]) -> str:
    """The blocks as one text, a block a line: the form that is stored and compared."""
    return "\n".join(f"{block.kind.value}{block.text}" for block in blocks)


class _Collector:
    """Gathers pieces of text into blocks."""

    def __init__(self) -> None:
        self.blocks: list[Block] = []
        self.length = 0
        self._pieces: list[str] = []
        self._kinds = [BlockKind.TEXT]
        self._regions = [Region.CONTENT]
        self._preformatted = 0

    def enter(self, tag: str, region: Region | None) -> None:
        """An element begins, and maybe a region with it; the outermost region counts."""
        if tag in CELLS and any(piece.strip() for piece in self._pieces):
            self._pieces.append(CELL_GAP)
        if tag in INLINE:
            return
        self.flush()
        around = self._regions[-1]
        self._regions.append(region if region and around is Region.CONTENT else around)
        self._kinds.append(self._kind(tag))
        self._preformatted += tag == "pre"

    def leave(self, tag: str) -> None:
        """An element ends."""
        if tag in INLINE:
            return
        self.flush()
        self._regions.pop()
        self._kinds.pop()
        self._preformatted -= tag == "pre"

    def text(self, text: str) -> None:
        """A piece of text."""
        if not self._preformatted:
            self._pieces.append(text)
            return
        *lines, rest = text.split("\n")
        for line in lines:
            self._pieces.append(line)
            self.flush()
        self._pieces.append(rest)

    def flush(self) -> None:
        """The block that was gathered ends."""
        text = " ".join("".join(self._pieces).split()).removesuffix(CELL_GAP.rstrip()).rstrip()
        self._pieces.clear()
        if text:
            self.length += len(text)
            self.blocks.append(Block(self._kinds[-1], text, self._regions[-1]))

    def _kind(self, tag: str) -> BlockKind:
        if tag in HEADINGS:
            return BlockKind.HEADING
        if tag in ITEMS:
            return BlockKind.ITEM
        # A paragraph within a heading or an item is still that heading or item.
        return self._kinds[-1] if tag in ("p", "div") else BlockKind.TEXT


def _walk(root: LexborNode, collector: _Collector, most: int | None = None) -> None:
    """Depth first without recursion: pages nest deeper than Python does. Ends early when more than
    `most` characters were gathered.
    """
    node: LexborNode | None = root
    while node is not None and (most is None or collector.length <= most):
        tag = node.tag or ""
        attributes = node.attributes if tag not in _WITHOUT_ATTRIBUTES else {}
        shown = not _is_hidden(tag, attributes)
        if shown:
            if tag == "-text":
                collector.text(node.text_content or "")
            else:
                collector.enter(
                    tag, region_of(node, tag, attributes) if tag not in INLINE else None
                )
            if node.child is not None:
                node = node.child
                continue
            if tag != "-text":
                collector.leave(tag)
        node = _next_after(node, root, collector)


def _next_after(node: LexborNode, root: LexborNode, collector: _Collector) -> LexborNode | None:
    """The node after `node` and its children; the elements that end on the way are left."""
    at: LexborNode | None = node
    # By address: to compare two nodes themselves writes both out as HTML.
    while at is not None and at.mem_id != root.mem_id:
        if at.next is not None:
            return at.next
        at = at.parent
        if at is not None:
            collector.leave(at.tag or "")
    return None


def _is_hidden(tag: str, attributes: dict[str, str | None]) -> bool:
    if tag in INVISIBLE:
        return True
    if tag.startswith("-"):
        return tag != "-text"
    if not attributes:
        return tag == "dialog"
    if "hidden" in attributes or is_closed_dialog(tag, attributes):
        return True
    style = "".join((attributes.get("style") or "").split()).lower()
    return "display:none" in style or "visibility:hidden" in style
