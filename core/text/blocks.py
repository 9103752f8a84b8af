"""Collection of the text of a page's elements into blocks, in document order."""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from core.text.cents import END, STARTS, with_cents
from core.text.invisible import without_invisible
from core.text.page_areas import FoundArea, PageArea
from core.text.stored_text import (
    CELL_GAP,
    CONTROLS,
    DATA,
    HEADING,
    ITEM,
    MARKS,
    NEW_LIST,
    ORDERED,
    STRUCK,
    STRUCK_END,
    VERBATIM,
    escape_bars,
)


class BlockKind(StrEnum):
    """The kind of a block; its value is the mark in stored form (`core.text.stored_text`)."""

    HEADING = HEADING
    ITEM = ITEM
    VERBATIM = VERBATIM  # a line of code, or text that starts like a heading or item
    DATA = DATA  # what the structured data of the page say
    TEXT = ""


@dataclass(frozen=True)
class Block:
    """A heading, a paragraph, a list item, a table row or a line of code.

    White space is collapsed, except for the indentation of code. `text` is the stored form without
    the mark.
    """

    kind: BlockKind
    text: str
    area: PageArea = PageArea.CONTENT
    order: str = ""
    """The mark that says whether the place of an item has a meaning (`core.text.stored_text`)."""
    part: int = 0
    """The number of the element that is the area; 0 for content, negative if not only its class or
    id says that it is one."""


def to_text(blocks: tuple[Block, ...]) -> str:
    """The blocks as a text in stored form (`core.text.stored_text`), one block per line."""
    return "\n".join(block.kind + block.order + block.text for block in blocks)


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


INVISIBLE_TAGS: Final = _names(
    "head script style template noscript iframe object svg audio video canvas"
    " annotation annotation-xml"
)
INLINE_TAGS: Final = _names(
    "a abbr acronym b bdi bdo big cite code data del dfn em font i img ins kbd label mark meter"
    " nobr output progress q rp rt ruby s samp small span strike strong sub sup time tt u var wbr"
    " -text -comment td th input slot math semantics mrow mi mn mo mtext ms msup msub msubsup mfrac"
    " msqrt mroot mover munder munderover mstyle mpadded mfenced"
)
"""Elements that do not end a block. All others do, unknown ones included: a split text is still
complete."""

PREFORMATTED_TAGS: Final = _names("pre textarea listing xmp plaintext")
"""Elements that keep line breaks."""

CODE_TAGS: Final = _names("code samp")
"""Elements that keep line breaks if they are alone in their block, as style sheets often define."""

HEADING_TAGS: Final = _names("h1 h2 h3 h4 h5 h6")
ITEM_TAGS: Final = _names("li dt dd")
CELL_TAGS: Final = _names("td th")


_NEAR_PIECES: Final = 4
"""Number of pieces of text in which a digit before an element is looked for."""


class BlockCollector:
    """Collects pieces of text into `blocks`; `length` is the number of characters in them.

    If `preformatted` is set, the whole document keeps its line breaks.
    """

    def __init__(self, *, preformatted: bool = False) -> None:
        self.blocks: list[Block] = []
        self.length = 0
        self._cells: list[str] = []
        self._pieces: list[str] = []
        self._tags = [""]
        self._kinds = [BlockKind.VERBATIM if preformatted else BlockKind.TEXT]
        self._areas = [(PageArea.CONTENT, 0)]
        self._parts = 0
        self._struck = 0
        self._starts_struck = False
        self._order = ORDERED
        self._list = 0
        self._preformatted = int(preformatted)
        self._code_depth = 0
        self._code_starts: list[int] = []
        self._code_end = 0

    def enter(self, tag: str, found: FoundArea | None) -> None:
        """Start an element, and its area if it starts one; the outermost area counts."""
        if tag in INLINE_TAGS:
            if tag in CELL_TAGS:
                self._end_cell()
            elif tag in CODE_TAGS and not self._preformatted:
                if not self._code_depth:
                    self._code_starts.append(len(self._pieces))
                self._code_depth += 1
            return
        self.flush()
        outer = self._areas[-1]
        if found is not None and outer[0] is PageArea.CONTENT:
            self._parts += 1
            outer = found.area, self._parts if found.named else -self._parts
        self._areas.append(outer)
        self._kinds.append(self._kind(tag))
        self._tags.append(tag)
        self._preformatted += tag in PREFORMATTED_TAGS

    def leave(self, tag: str) -> None:
        """End an element."""
        if tag in INLINE_TAGS:
            if tag in CODE_TAGS and not self._preformatted:
                self._code_depth -= 1
                self._code_end = len(self._pieces)
            return
        self.flush()
        self._areas.pop()
        self._kinds.pop()
        self._tags.pop()
        self._preformatted -= tag in PREFORMATTED_TAGS

    def strike(self) -> None:
        """Start text that is struck through."""
        self._struck += 1
        self._pieces.append(STRUCK)

    def unstrike(self) -> None:
        """End text that is struck through."""
        self._struck -= 1
        if not self._struck:
            self._pieces.append(STRUCK_END)
            self._starts_struck = self._starts_struck and len(self._pieces) > 1

    @property
    def follows_digit(self) -> bool:
        """Whether the text of the block so far ends in a digit."""
        for piece in self._pieces[: -_NEAR_PIECES - 1 : -1]:
            if shown := piece.rstrip():
                return shown[-1].isdigit()
        return False

    def set_apart(self, kind: str) -> None:
        """Start text that is set apart from the number before it.

        `kind` is a key of `core.text.cents.STARTS`.
        """
        self._pieces.append(STARTS[kind])

    def join(self) -> None:
        """End text that is set apart."""
        self._pieces.append(END)

    def unordered_item(self, list_id: int) -> None:
        """The next block is an item of a list whose order has no meaning."""
        is_new = list_id != self._list and self.blocks and self.blocks[-1].kind is BlockKind.ITEM
        self._order = NEW_LIST if is_new else ""
        self._list = list_id

    def text(self, text: str) -> None:
        """Add a piece of text."""
        if not text.isprintable():
            text = CONTROLS.sub("", text)
        if not self._preformatted:
            self._pieces.append(text)
            return
        *lines, rest = text.split("\n")
        for line in lines:
            self._pieces.append(line)
            self.flush()
        self._pieces.append(rest)

    def flush(self) -> None:
        """End the current block."""
        kind = self._kinds[-1]
        if self._cells:
            self._end_cell()
            if not self._cells[-1]:
                self._cells.pop()
            # An empty cell leaves only the gap before it.
            self._add(kind, " ".join(CELL_GAP.join(map(escape_bars, self._cells)).split()))
            self._cells.clear()
            self._starts_struck = self._struck > 0
        elif self._pieces:
            text = self._joined()
            if kind is BlockKind.VERBATIM:
                self._add_code(text)
            elif self._code_starts and kind is BlockKind.TEXT and (code := self._block_of_code()):
                for line in code.split("\n"):
                    self._add_code(line)
            elif text := _collapsed(text):
                self._add(kind, escape_bars(text))
            self._pieces.clear()
        if self._code_starts:
            self._code_starts = [0] if self._code_depth else []

    def _end_cell(self) -> None:
        """End the current cell of a row, if there is one; text before the first cell is a cell."""
        cell = _collapsed(self._joined())
        if cell or self._cells:
            self._cells.append(cell)
        self._pieces.clear()

    def _joined(self) -> str:
        """The text of the current block or cell."""
        text = "".join(self._pieces)
        starts_struck, self._starts_struck = self._starts_struck, self._struck > 0
        return STRUCK + text if starts_struck and text.strip() else text

    def _add(self, kind: BlockKind, text: str) -> None:
        if not text.isprintable() and not CONTROLS.sub("", text).strip():
            return
        if kind is BlockKind.TEXT and text[:2] in MARKS:
            kind = BlockKind.VERBATIM
        self.length += len(text)
        order = ""
        if kind is BlockKind.ITEM:
            order, self._order = self._order, ORDERED
        area, part = self._areas[-1]
        self.blocks.append(Block(kind, text, area, order, part))

    def _add_code(self, line: str) -> None:
        text = _collapsed(line)
        if text:
            indentation = _NO_TAB.sub(" ", line[: len(line) - len(line.lstrip())])
            self._add(BlockKind.VERBATIM, indentation + escape_bars(text))

    def _block_of_code(self) -> str:
        """The text of the block's only code element; empty if the block has any other text.

        Also empty for a paragraph, where line breaks have no meaning.
        """
        start, *more = self._code_starts
        end = len(self._pieces) if self._code_depth else self._code_end
        others = (*self._pieces[:start], *self._pieces[end:])
        if more or self._tags[-1] == "p" or any(piece.strip() for piece in others):
            return ""
        return "".join(self._pieces[start:end])

    def _kind(self, tag: str) -> BlockKind:
        if tag in HEADING_TAGS:
            return BlockKind.HEADING
        if tag in PREFORMATTED_TAGS or self._preformatted:
            return BlockKind.VERBATIM
        if tag in ITEM_TAGS:
            return BlockKind.ITEM
        # A paragraph inside a heading or list item belongs to it, and the button of an accordion.
        outer = self._kinds[-1]
        belongs = tag in ("p", "div") or outer is BlockKind.HEADING
        return outer if belongs else BlockKind.TEXT


_NO_TAB: Final = re.compile(r"[^ \t]")


def _collapsed(text: str) -> str:
    if text.isascii():
        # White space of `str.split` includes the separators U+001C to U+001F.
        return with_cents(" ".join(text.split()))
    return with_cents(" ".join(without_invisible(text).split()))
