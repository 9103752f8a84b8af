"""The documents of frames (`iframe`, `frame`, `object`, `embed`), read as parts of the page that
shows them.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape
from typing import Final

from selectolax.lexbor import LexborHTMLParser, LexborNode

from core.errors import InvalidAddress
from core.text.blocks import INVISIBLE_TAGS
from core.text.elements import Panels
from core.text.page_areas import is_closed_dialog
from core.text.visible_text import MAX_FRAME_DEPTH
from core.web.charsets import decode_html, decode_page
from core.web.crawl_settings import Frames
from core.web.document_kinds import DocumentKind, document_kind
from core.web.links import FRAMES, MAX_HTML_ELEMENTS, base_url, framed_address, in_encoding
from core.web.scope import ExclusionReason, exclusion_reason
from core.web.urls import Site, as_sent, normalise, without_visit_ids
from core.web.walls import Wall, WallKind, wall_of

MAX_FRAMES: Final = 8
"""Number of documents that are fetched for the frames of one page, frames of frames included."""

MAX_FRAME_BYTES: Final = 2 * 2**20
"""Number of bytes of all documents of the frames of one page."""

_MAY_HAVE_FRAMES: Final = re.compile(rb"<(?:i?frame|object|embed)[\s/]", re.IGNORECASE)
FRAME_WALLS: Final = frozenset({WallKind.BOT_CHECK, WallKind.ACCESS_DENIED, WallKind.MAINTENANCE})
"""The walls that a frame has in place of its document; forms to log in or to consent are usual
contents of frames."""

_OF_OTHER_FRAMES: Final = frozenset({"data", "type", "src", "srcdoc"})

_STYLED_AWAY: Final = re.compile(r"display:none|visibility:hidden")
_SIZES: Final = re.compile(r"(?<=;)((?:min-)?(?:width|height)):([^;]*)")
_TINY: Final = frozenset({"0", "1", "0px", "1px"})


@dataclass(frozen=True)
class FrameDocument:
    """The response for the document of a frame; `url` is its address after redirects."""

    url: str
    content_type: str | None
    body: bytes = field(repr=False)


Documents = Mapping[str, FrameDocument | None]
"""Documents by the address that a frame asks for, as sent; None for one that is left out."""


@dataclass(frozen=True)
class PageWithFrames:
    """A page with the `documents` of its frames so far."""

    page: FrameDocument
    documents: Documents


@dataclass(frozen=True)
class InlinedFrames:
    """A page whose frames hold their documents as `srcdoc`; None if it holds none.

    `missing` are the addresses, as sent, of documents that have to be fetched for it.
    """

    html: str | None
    missing: tuple[str, ...]


def is_frame_of(address: str, frames: Frames, site: Site) -> bool:
    """Whether the document at `address` is read as a part of a page of `site`, by its host."""
    if frames is Frames.ALL:
        return True
    return exclusion_reason(normalise(address), site) is not ExclusionReason.OTHER_HOST


def may_have_frames(body: bytes) -> bool:
    """Whether the page as sent may have frames; cheap, and right if it has none."""
    return _MAY_HAVE_FRAMES.search(body) is not None


def frame_name(address: str) -> str:
    """The name of the frame whose document is at `address`, the same whatever visit it is for.

    Raises InvalidAddress as `normalise` does.
    """
    return without_visit_ids(normalise(address))


def wall_of_frame(document: FrameDocument) -> Wall | None:
    """The wall that a frame shows in place of its document; None if it shows the document."""
    if document_kind(document.content_type, document.body) is not DocumentKind.HTML:
        return None
    return _wall(decode_html(document.body, document.content_type), document.url)


def _wall(html: str, url: str) -> Wall | None:
    wall = wall_of(html, url)
    return wall if wall is not None and wall.kind in FRAME_WALLS else None


def inlined_frames(html: str, url: str, depth: int = 0) -> frozenset[str]:
    """The names of the frames whose documents are in the stored page `html` at `url`, as
    `inline_frames` has put them there. A wall is no document.
    """
    found: set[str] = set()
    if depth == MAX_FRAME_DEPTH or html.count("<") > MAX_HTML_ELEMENTS:
        return frozenset()
    tree = LexborHTMLParser(html)
    base = base_url(tree, url)
    for node in tree.css("iframe[src][srcdoc]"):
        text = node.attributes.get("srcdoc") or ""
        try:
            address = as_sent(node.attributes.get("src") or "", base)
            name = frame_name(address)
        except InvalidAddress:
            continue
        if text and _wall(text, address) is None:
            found |= {name, *inlined_frames(text, address, depth + 1)}
    return frozenset(found)


def inline_frames(source: PageWithFrames) -> InlinedFrames:
    """The page with the documents of the frames that a reader sees. Never raises.

    Frames are left out that are hidden, that are inside of themselves, or whose documents are no
    HTML or in another frame of the page already. A frameset becomes a page with its frames. A frame
    with its document keeps the address in `src`, by which `inlined_frames` knows it again.
    """
    inliner = _Inliner(source.documents)
    html = inliner.inlined(source.page, frozenset(), 0)
    return InlinedFrames(html if inliner.used else None, tuple(inliner.missing))


class _Inliner:
    def __init__(self, documents: Documents) -> None:
        self._documents = documents
        self.used: set[str] = set()
        self.missing: dict[str, None] = {}

    def inlined(self, page: FrameDocument, above: frozenset[str], depth: int) -> str:
        """The HTML of `page`, which is in a frame of the pages `above`."""
        html, encoding = decode_page(page.body, page.content_type)
        if depth == MAX_FRAME_DEPTH or not may_have_frames(page.body):
            return html
        if html.count("<") > MAX_HTML_ELEMENTS:
            return html
        tree = LexborHTMLParser(html)
        base = base_url(tree, page.url)
        inside = above | {page.url}
        seen = _Visibility(tree)
        shown: list[tuple[LexborNode, tuple[str, str]]] = []
        for node in tree.css(FRAMES):
            if not seen.has(node):
                continue
            found = self._document_of(node, base, encoding, inside, depth)
            if found is not None:
                shown.append((node, found))
        if not shown:
            return html
        # Last, since a removed node gives its address, by which elements are known, to another.
        for node, found in shown:
            _put(node, found)
        if tree.body is not None:
            return tree.html or html
        return _without_frameset(tree, [found for _, found in shown])

    def _document_of(
        self, node: LexborNode, base: str, encoding: str, above: frozenset[str], depth: int
    ) -> tuple[str, str] | None:
        """The address and the HTML of the document of a frame; None if it has none yet."""
        attributes = node.attributes
        written = framed_address(node)
        if not written or attributes.get("srcdoc") or _is_unseen(attributes):
            return None
        try:
            address = as_sent(in_encoding(written, encoding), base)
            name = normalise(address)
        except InvalidAddress:
            return None
        if name in above or name in self.used:
            return None
        if address not in self._documents:
            self.missing[address] = None
            return None
        document = self._documents[address]
        if document is None or document.url in above or document.url in self.used:
            return None
        if document_kind(document.content_type, document.body) is not DocumentKind.HTML:
            return None
        self.used |= {name, document.url}
        return address, self.inlined(document, above, depth + 1)


class _Visibility:
    """Whether a reader sees the place of a frame: no element around it is hidden.

    A hidden panel that one click shows counts as seen, as its text does (`core.text.elements`).
    """

    def __init__(self, tree: LexborHTMLParser) -> None:
        self._panels = Panels(tree)
        self._known: dict[int, bool] = {}

    def has(self, frame: LexborNode) -> bool:
        """Whether the place of the frame is seen. Elements are judged once for all frames."""
        path: list[int] = []
        node, seen = frame.parent, True
        while node is not None and node.tag is not None:
            known = self._known.get(node.mem_id)
            if known is not None:
                seen = known
                break
            path.append(node.mem_id)
            if self._hides(node, node.tag, node.attributes):
                seen = False
                break
            node = node.parent
        self._known.update(dict.fromkeys(path, seen))
        return seen

    def _hides(self, node: LexborNode, tag: str, attributes: dict[str, str | None]) -> bool:
        if tag in INVISIBLE_TAGS or is_closed_dialog(tag, attributes):
            return True
        if attributes.get("aria-hidden") == "true":
            return True
        if "hidden" in attributes or _STYLED_AWAY.search(_style(attributes)):
            return not self._panels.has(node, tag, attributes)
        return False


def _is_unseen(attributes: Mapping[str, str | None]) -> bool:
    if "hidden" in attributes or attributes.get("aria-hidden") == "true":
        return True
    style = f";{_style(attributes)};"
    return _STYLED_AWAY.search(style) is not None or any(
        _is_tiny(side, attributes, style) for side in ("width", "height")
    )


def _is_tiny(side: str, attributes: Mapping[str, str | None], style: str) -> bool:
    """Whether the frame has a side of one pixel at most; a style stands above an attribute."""
    sizes = dict(_SIZES.findall(style))
    least, size = sizes.get(f"min-{side}"), sizes.get(side)
    if least is not None and least not in _TINY:
        return False
    return (size or (attributes.get(side) or "").strip()) in _TINY


def _style(attributes: Mapping[str, str | None]) -> str:
    return "".join((attributes.get("style") or "").split()).lower()


def _put(node: LexborNode, found: tuple[str, str]) -> None:
    """Put a document into its frame; an `object` or `embed` becomes an `iframe` for it."""
    address, text = found
    if node.tag == "iframe":
        node.attrs["src"], node.attrs["srcdoc"] = address, text
    elif node.tag != "frame":
        frame = LexborHTMLParser("<iframe></iframe>").css_first("iframe")
        if frame is not None:
            for name, value in node.attributes.items():
                if name not in _OF_OTHER_FRAMES:
                    frame.attrs[name] = value or ""  # a person may select it by its id
            frame.attrs["src"], frame.attrs["srcdoc"] = address, text
            node.replace_with(frame)


def _without_frameset(tree: LexborHTMLParser, shown: list[tuple[str, str]]) -> str:
    title = next((node.text() for node in tree.css("head > title")), "")
    frames = "".join(
        f'<iframe src="{escape(address)}" srcdoc="{escape(text)}"></iframe>'
        for address, text in shown
    )
    return f"<!doctype html><title>{escape(title)}</title><body>{frames}</body>"
