"""PDF documents of sites."""

import io
import zlib
from dataclasses import replace
from resource import RUSAGE_SELF, getrusage

import pytest
from pypdf import PdfReader, PdfWriter

from activities.extraction.extractor import Extracted, Extractor, PageSource
from activities.extraction.pdf import MAX_PAGES, pdf_text
from core.errors import NotAPage


def pdf(*lines: str, compressed: bool = False, packed: bytes | None = None) -> bytes:
    """A document of one page with these lines, or with the `packed` content."""
    shown = " T* ".join(f"({line}) Tj" for line in lines)
    content = f"BT /F1 12 Tf 14 TL 72 720 Td {shown} ET".encode()
    compressed = compressed or packed is not None
    if packed is None:
        packed = zlib.compress(content) if compressed else content
    filters = b"/Filter /FlateDecode " if compressed else b""
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R"
        b" /Resources << /Font << /F1 5 0 R >> >> >>",
        b"<< %b/Length %d >>\nstream\n%b\nendstream" % (filters, len(packed), packed),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    body, offsets = b"%PDF-1.4\n", []
    for number, each in enumerate(objects, 1):
        offsets.append(len(body))
        body += b"%d 0 obj\n%b\nendobj\n" % (number, each)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    head = b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    tail = b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF" % (
        len(objects) + 1,
        len(body),
    )
    return body + head + table + tail


def rewritten(body: bytes, *, copies: int = 1, password: str | None = None) -> bytes:
    writer = PdfWriter()
    for _ in range(copies):
        writer.append(PdfReader(io.BytesIO(body)))
    if password is not None:
        writer.encrypt(password)
    written = io.BytesIO()
    writer.write(written)
    return written.getvalue()


@pytest.mark.parametrize("compressed", [False, True])
def test_the_lines_of_a_pdf_are_its_text(compressed: bool) -> None:
    lines = ["Price list", "Double room $120", "Closed on Mondays"]
    assert pdf_text(pdf(*lines, compressed=compressed)).split("\n") == lines


def test_a_pdf_may_have_other_bytes_before_it() -> None:
    assert pdf_text(b"HTTP/1.1 200 OK\r\n\r\n" + pdf("Double room $120")) == "Double room $120"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"%PDF-1.7\n%", "cannot be read"),
        (b"%PDF-" + b"1 0 obj << " * 10_000, "cannot be read"),
        (pdf(), "without text"),
        (rewritten(pdf("secret"), password="word"), "needs a password"),
    ],
)
def test_a_pdf_that_has_no_text_for_us_is_no_page(body: bytes, message: str) -> None:
    with pytest.raises(NotAPage, match=message):
        pdf_text(body)


def test_only_so_many_pages_are_read() -> None:
    text = pdf_text(rewritten(pdf("one"), copies=MAX_PAGES + 5))
    assert text.split() == ["one"] * MAX_PAGES


def test_a_pdf_that_inflates_to_a_gibibyte_is_no_page() -> None:
    made = zlib.compressobj(9)
    pieces = [made.compress(bytes(2**20)) for _ in range(2**10)]
    body = pdf(packed=b"".join([*pieces, made.flush()]))
    assert len(body) < 2 * 2**20
    before = getrusage(RUSAGE_SELF).ru_maxrss
    with pytest.raises(NotAPage, match="cannot be read"):
        pdf_text(body)
    assert getrusage(RUSAGE_SELF).ru_maxrss - before < 2**18, "KiB: a quarter of what it says"


async def test_a_pdf_that_takes_too_long_is_no_page_and_costs_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    slow = pdf(packed=zlib.compress(b"BT (a) Tj ET\n" * 3_000_000, 9))
    quick = PageSource(pdf("Double room $120"), "application/pdf", "https://a.example/list.pdf")
    extractor = Extractor(1)
    try:
        await extractor.extract(quick)
        with monkeypatch.context() as limited:
            limited.setattr("activities.extraction.processes.DOCUMENT_TIMEOUT", 0.1)
            with pytest.raises(NotAPage, match=r"could not be read within 0\.1 s"):
                await extractor.extract(replace(quick, body=slow))
        found = await extractor.extract(quick)
    finally:
        extractor.close()
    assert isinstance(found, Extracted)
    assert found.text == "Double room $120"
