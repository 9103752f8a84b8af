"""The text of PDF documents, for the extraction processes."""

import io
import logging
from itertools import islice
from typing import Final

from core.errors import NotAPage
from core.web.document_kinds import start_of_pdf

MAX_PAGES: Final = 500
"""Number of pages that are read of one document."""

MAX_TEXT: Final = 2_000_000
"""Number of characters that are read of one document."""


def pdf_text(body: bytes) -> str:
    """The text of the document, a line for each line of it.

    Raises NotAPage if it cannot be read, needs a password, or has no text.
    """
    from pypdf import PdfReader  # slow to load; only the processes need it

    logging.getLogger("pypdf").setLevel(logging.CRITICAL)
    texts: list[str] = []
    length = 0
    try:
        reader = PdfReader(io.BytesIO(body[start_of_pdf(body) :]))
        if reader.is_encrypted and not reader.decrypt(""):
            raise NotAPage("The site sent a PDF that needs a password.")
        for page in islice(reader.pages, MAX_PAGES):
            texts.append(page.extract_text())
            length += len(texts[-1])
            if length > MAX_TEXT:
                break
    except NotAPage:
        raise
    except Exception as error:
        # pypdf raises errors of many kinds for documents that are broken.
        raise NotAPage("The site sent a PDF that cannot be read.") from error
    text = "\n".join(texts)[:MAX_TEXT]
    if not text.strip():
        raise NotAPage("The site sent a PDF without text.")
    return text
