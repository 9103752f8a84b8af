"""Documents of frames, as parts of the page that shows them."""

import pytest

from core.text.blocks import to_text
from core.text.visible_text import MAX_FRAME_DEPTH, content_blocks
from core.web.crawl_settings import Parts
from core.web.frames import (
    FrameDocument,
    PageWithFrames,
    inline_frames,
    inlined_frames,
    may_have_frames,
    wall_of_frame,
)
from tests.cost import cost

ORIGIN = "https://hotel.example"


def document(path: str, html: str, media_type: str = "text/html") -> FrameDocument:
    return FrameDocument(ORIGIN + path, f"{media_type}; charset=utf-8", html.encode())


def text(page: str, **frames: str) -> str:
    """The text of the page at /, whose frames are at the paths of their names."""
    documents = {f"{ORIGIN}/{name}": document(f"/{name}", html) for name, html in frames.items()}
    found = inline_frames(PageWithFrames(document("/", page), documents))
    return to_text(content_blocks(found.html if found.html is not None else page))


def missing(page: str) -> list[str]:
    """The paths that are fetched for the page at /."""
    found = inline_frames(PageWithFrames(document("/", page), {}))
    assert found.html is None
    return [address.removeprefix(ORIGIN) for address in found.missing]


def test_a_document_in_a_frame_is_a_part_of_the_page_at_its_place() -> None:
    page = "<h1>Hotel</h1><p>Rooms:</p><iframe src=/a></iframe><p>Write to us.</p>"
    assert text(page, a="<h2>Double</h2><p>$120</p>") == (
        "# Hotel\nRooms:\n# Double\n$120\nWrite to us."
    )
    assert text(page) == "# Hotel\nRooms:\nWrite to us."


def test_a_frame_is_asked_for_in_the_charset_of_its_page() -> None:
    page = FrameDocument(
        f"{ORIGIN}/", "text/html; charset=windows-1251", "<iframe src='/a?q=при'>".encode("cp1251")
    )
    assert inline_frames(PageWithFrames(page, {})).missing == (f"{ORIGIN}/a?q=%EF%F0%E8",)


def test_a_frameset_is_a_page_with_its_frames_in_order() -> None:
    page = "<title>Inn</title><frameset cols=2><frame src=a><frame src=/b></frameset>"
    assert text(page, a="<p>Menu & “wine”</p>", b="<p>Rooms</p>") == "Menu & “wine”\nRooms"
    assert missing(page) == ["/a", "/b"]


@pytest.mark.parametrize(
    "frame",
    [
        "<iframe src=a></iframe>", "<IFRAME SRC='/a#part'></IFRAME>", "<iframe\nsrc=./a>",
        "<iframe/src=/a>",
        "<iframe src=/a style='width: 1px; min-width: 100%'>",
        "<iframe src=/a width=0 style='width:100%;height:300px'>",
        "<iframe src=/a height=1 style='height:600px'>",
        "<base href=/><iframe src=a width=100% height=10>", "<iframe src=a loading=lazy>",
        "<div class=embed><iframe src=/a style='width: 100%'></iframe></div>",
        "<div style='height:0;padding-bottom:56%'><iframe src=/a></iframe></div>",
        "<div role=tabpanel hidden><iframe src=/a></iframe></div>",
        "<div hidden>x</div><iframe src=/a></iframe>",
        "<dialog open><iframe src=/a></iframe></dialog>",
        "<div aria-hidden=false><iframe src=/a></iframe></div>",
        "<object data=/a type=text/html>An old browser</object>",
        "<embed src=/a>", "<EMBED SRC=a TYPE='text/html; charset=utf-8'>",
        "<object data=a type=application/xhtml+xml width=100%></object>",
        "<object data=/a><embed src=/a><iframe src=/b></iframe></object>",
    ],
)  # fmt: skip
def test_what_a_reader_sees_is_fetched(frame: str) -> None:
    assert may_have_frames(frame.encode())
    assert missing(frame) == ["/a"]


@pytest.mark.parametrize(
    "frame",
    [
        "<iframe src=/a hidden>", "<iframe src=/a style='display: none'>",
        "<iframe src=/a width=0>",
        "<iframe src=/a height=1px>", "<iframe src=/a style='min-width:1px;width:0'>",
        "<iframe src=/a height=0 style='width:100%'>",
        "<iframe src=/a style='width:1px;height:1px'>",
        "<iframe src=/a aria-hidden=true>", "<iframe srcdoc='<p>x' src=/a>", "<iframe>",
        "<iframe src=about:blank>", "<iframe src='javascript:a()'>",
        "<iframe src='data:text/html,x'>",
        "<iframe src=''>", "<iframe src='#part'>", "<iframe src=/>", "<iframe src='http://[/'>",
        "<iframe src=file:///etc/passwd>", "<template><iframe src=/a></template>",
        "<div hidden><p><iframe src=/a></p></div>",
        "<div style='Display : none'><b><iframe src=/a></b></div>",
        "<div aria-hidden=true><iframe src=/a></div>", "<dialog><iframe src=/a></dialog>",
        "<p>x</p><noscript><iframe src=/a></noscript>",
        "<!-- <iframe src=/a> -->", "<script>'<iframe src=/a>'</script>", "<p>iframe src=/a</p>",
    ],
)  # fmt: skip
def test_what_nobody_sees_or_no_document_is_in_is_not(frame: str) -> None:
    assert missing(frame) == []


def test_frames_of_frames_are_read_to_a_depth_and_never_inside_of_themselves() -> None:
    def inside(name: str) -> str:
        return f"<p>In</p><iframe src=/{name}></iframe>"

    names = "abcdef"
    deep = {name: inside(chr(ord(name) + 1)) for name in names}
    assert text(inside("a"), **deep).count("In") == MAX_FRAME_DEPTH + 1
    assert text(inside("a"), a=inside("b"), b=inside("a")).count("In") == 3
    assert text(inside("a"), a=inside("")).count("In") == 2
    assert text(inside("a") + inside("a"), a="<p>Once").count("Once") == 1


@pytest.mark.parametrize(
    "frame",
    ["<object data=/a>Old</object>", "<embed src=/a>", "<b><object data=/a><p>Old</object></b>"],
)
def test_an_object_or_embed_shows_its_document_in_its_place(frame: str) -> None:
    page = f"<p>Rooms:</p>{frame}<p>Write to us.</p><object data=/b></object><embed src=/a>"
    shown = "Rooms:\n# Double\n$120\nWrite to us.\nSuite"
    documents = {"a": "<h2>Double</h2><p>$120</p>", "b": "<p>Suite</p>"}
    assert text(page, **documents) == shown
    of = {f"{ORIGIN}/{name}": document(f"/{name}", html) for name, html in documents.items()}
    stored = inline_frames(PageWithFrames(document("/", page), of)).html
    assert inlined_frames(stored or "", f"{ORIGIN}/") == set(of)
    named = document("/", "<p>x</p><object id=rates class='a b' data=/b></object>")
    chosen = inline_frames(PageWithFrames(named, of)).html or ""
    assert to_text(content_blocks(chosen, Parts(watch="#rates.b"))) == "Suite"


def test_a_frame_that_was_left_out_is_not_asked_for_again() -> None:
    page = document("/", "<p>x</p><iframe src=/a></iframe><iframe src=/b></iframe>")
    picture = document("/b", "GIF", "image/gif")
    found = inline_frames(PageWithFrames(page, {f"{ORIGIN}/a": None, f"{ORIGIN}/b": picture}))
    assert (found.html, found.missing) == (None, ())


def test_a_frame_that_redirects_to_the_page_is_not_read() -> None:
    page = document("/", "<p>x</p><iframe src=/a></iframe>")
    found = inline_frames(PageWithFrames(page, {f"{ORIGIN}/a": page}))
    assert found.html is None


def test_the_targets_of_links_in_a_frame_are_those_of_its_document() -> None:
    page = document("/", "<p>x</p><iframe src=/shop/a></iframe>")
    frame = document("/shop/a", "<a href=b>Buy</a>")
    found = inline_frames(PageWithFrames(page, {f"{ORIGIN}/shop/a": frame}))
    assert found.html is not None
    blocks = content_blocks(found.html, Parts(links=True), f"{ORIGIN}/")
    assert to_text(blocks) == f"x\nBuy <{ORIGIN}/shop/b>"


def test_a_page_of_nothing_but_frames_is_read_quickly() -> None:
    many = "<iframe src=/a></iframe>" * 20_000 + "<div>" * 5_000
    _, million = cost(lambda: missing(many))
    assert million < 100


def test_the_frames_of_a_stored_page_are_known_by_their_addresses() -> None:
    page = document("/", "<iframe src=/a?ts=1700000000></iframe><iframe src=/c></iframe>")
    documents = {
        f"{ORIGIN}/a?ts=1700000000": document("/a", "<p>A</p><iframe src=b></iframe>"),
        f"{ORIGIN}/b": document("/b", "<p>B</p>"),
        f"{ORIGIN}/c": None,
    }
    stored = inline_frames(PageWithFrames(page, documents)).html
    assert stored is not None
    assert inlined_frames(stored, f"{ORIGIN}/") == {f"{ORIGIN}/a", f"{ORIGIN}/b"}
    sets = document("/", "<frameset><frame src=/b></frameset>")
    stored = inline_frames(PageWithFrames(sets, documents)).html
    assert inlined_frames(stored or "", f"{ORIGIN}/") == {f"{ORIGIN}/b"}
    assert inlined_frames("<iframe src=/a></iframe><iframe srcdoc=x>", f"{ORIGIN}/") == set()


CAPTCHA = (
    "<title>Just a moment...</title><h1>Checking your browser</h1>"
    "<p>Verify you are human by completing the action below.</p>"
    "<form id=challenge-form action=/cdn-cgi/l/chk><div class=cf-turnstile></div></form>"
)


def test_a_wall_in_a_frame_is_no_document_of_it() -> None:
    wall = document("/a", CAPTCHA)
    assert wall_of_frame(wall) is not None
    assert wall_of_frame(document("/a", "<h2>Double</h2><p>$120</p>")) is None
    assert wall_of_frame(document("/a", CAPTCHA, "image/png")) is None
    login = "<h1>Log in</h1><form><input type=password><button>Log in</button></form>"
    assert wall_of_frame(document("/a", login)) is None, "a usual content of frames"
    page = document("/", "<p>x</p><iframe src=/a></iframe>")
    stored = inline_frames(PageWithFrames(page, {f"{ORIGIN}/a": wall})).html
    assert inlined_frames(stored or "", f"{ORIGIN}/") == set()
