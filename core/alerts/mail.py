"""E-mail about changes: text and HTML with the difference, threaded by page."""

from collections.abc import Iterator, Mapping
from email.message import EmailMessage
from email.utils import format_datetime
from html import escape
from typing import Final
from uuid import UUID

from core.alerts.messages import DigestContent, Notification, TestContent, ToldChange
from core.changes.alignment import SpanOp
from core.changes.diff import BlockChange, BlockChangeKind, TextDifference
from core.model import utc_text

MAX_BLOCKS: Final = 30
"""Blocks of a difference that a message shows."""

MAX_DIGEST_BLOCKS: Final = 5
"""The same of each change in a digest."""

MAX_DIGEST_CHANGES: Final = 100
MAX_LINE_LENGTH: Final = 500
MAX_SUBJECT_LENGTH: Final = 150

_ADDED: Final = "background:#e6ffec;text-decoration:none"
_REMOVED: Final = "background:#ffebe9;text-decoration:line-through"

Differences = Mapping[UUID, TextDifference]
"""By the id of the change."""


def mail_of(
    message: Notification,
    differences: Differences,
    *,
    channel_id: UUID,
    sender: str,
    recipient: str,
    unsubscribe_url: str | None,
) -> EmailMessage:
    """The e-mail that tells `message` to one recipient, the same each time.

    Mail clients show `unsubscribe_url` as a button. They post to it (RFC 8058) if it is of https,
    which that asks for.

    Its Message-ID is that of the message. Mails about one page, or site, refer to one id, which no
    mail has: mail clients show them as a thread (RFC 5322, 3.6.4).
    """
    host = sender.rpartition("@")[2].rstrip(">")
    mail = EmailMessage()
    mail["From"] = sender
    mail["To"] = recipient
    mail["Date"] = format_datetime(message.timestamp)
    mail["Message-ID"] = f"<{message.id.hex}@{host}>"
    mail["Auto-Submitted"] = "auto-generated"
    if unsubscribe_url:
        mail["List-Unsubscribe"] = f"<{unsubscribe_url}>"
        if unsubscribe_url.startswith("https:"):
            mail["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    match message.data:
        case ToldChange() as told:
            about = told.page_id or told.domain_id
            thread = f"<page-{about.hex}.{channel_id.hex}@{host}>"
            mail["In-Reply-To"] = mail["References"] = thread
            subject = f"{told.domain}: {told.summary}"
            sections = [section_of(told, differences.get(told.id), MAX_BLOCKS)]
        case DigestContent() as digest:
            name = digest.alert_name or "Changes"
            subject = f"{name}: {digest.count} change{'s' if digest.count != 1 else ''}"
            shown = digest.changes[:MAX_DIGEST_CHANGES]
            sections = [
                section_of(told, differences.get(told.id), MAX_DIGEST_BLOCKS) for told in shown
            ]
            if digest.count > len(shown):
                more = f"And {digest.count - len(shown)} more changes."
                sections.append((more, f"<p>{more}</p>"))
        case TestContent() as test:
            subject = "A test of Diffy"
            sections = [(test.summary, f"<p>{escape(test.summary)}</p>")]
    mail["Subject"] = one_line(subject, MAX_SUBJECT_LENGTH)
    if unsubscribe_url:
        leave = escape(unsubscribe_url, quote=True)
        sections.append(
            (f"Unsubscribe: {unsubscribe_url}", f'<p><a href="{leave}">Unsubscribe</a></p>')
        )
    mail.set_content("\n\n".join(text for text, _ in sections) + "\n")
    body = "\n<hr>\n".join(html for _, html in sections)
    mail.add_alternative(
        f'<!doctype html><html><body style="font-family:sans-serif">{body}</body></html>\n',
        subtype="html",
    )
    return mail


def section_of(
    told: ToldChange, difference: TextDifference | None, max_blocks: int
) -> tuple[str, str]:
    """A change as text and as HTML."""
    facts = f"{told.change_type}, {told.severity}, {utc_text(told.detected_at)}"
    blocks = difference.blocks if difference else ()
    left_out = len(blocks) - max_blocks
    more = [f"({left_out} more differences)"] if left_out > 0 else []
    lines = [line for block in blocks[:max_blocks] for line in _lines(block)]
    summary = one_line(told.summary, MAX_LINE_LENGTH)
    text = "\n".join(
        [summary, told.url, facts, *([""] if lines else []), *lines, *more, "", told.links.change]
    )
    rows = "".join(f"<div>{row}</div>" for block in blocks[:max_blocks] for row in _rows(block))
    address = escape(told.url, quote=True)
    html = (
        f"<h3>{escape(summary)}</h3>"
        f'<p><a href="{address}">{address}</a><br>{escape(facts)}</p>'
        f'<div style="font-family:monospace;white-space:pre-wrap">{rows}</div>'
        + "".join(f"<p>{escape(each)}</p>" for each in more)
        + f'<p><a href="{escape(told.links.change, quote=True)}">The change in the API</a></p>'
    )
    return text, html


def _lines(block: BlockChange) -> Iterator[str]:
    if block.kind is BlockChangeKind.MOVED:
        yield f"~ {one_line(block.after or block.before or '', MAX_LINE_LENGTH)}"
        return
    if block.before is not None:
        yield f"- {one_line(block.before, MAX_LINE_LENGTH)}"
    if block.after is not None:
        yield f"+ {one_line(block.after, MAX_LINE_LENGTH)}"


def _rows(block: BlockChange) -> Iterator[str]:
    if block.spans and sum(len(span.before) + len(span.after) for span in block.spans) < 2_000:
        parts = (
            [escape(span.after)]
            if span.op is SpanOp.EQUAL
            else [_marked("del", span.before), _marked("ins", span.after)]
            for span in block.spans
        )
        yield " ".join(part for pair in parts for part in pair if part)
        return
    for line in _lines(block):
        match line[0]:
            case "-":
                yield _marked("del", line[2:])
            case "+":
                yield _marked("ins", line[2:])
            case _:
                yield f"{escape(line[2:])} <i>(moved)</i>"


def _marked(element: str, text: str) -> str:
    style = _ADDED if element == "ins" else _REMOVED
    return f'<{element} style="{style}">{escape(text)}</{element}>' if text else ""


def one_line(text: str, length: int) -> str:
    """`text` without line breaks and other control characters, cut where it is longer."""
    plain = " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())
    return plain if len(plain) <= length else plain[: length - 1] + "…"
