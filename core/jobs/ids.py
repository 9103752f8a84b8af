"""The ids of workflows: readable, URL-safe, and the same whenever they are made again.

An id is what the workflow does, what it is about, and what makes it unique:
`crawl-shop.example-pricing-<seed>`. Workflows of earlier versions have ids without the middle part.
"""

import re
import unicodedata
from typing import Final
from urllib.parse import unquote, urlsplit
from uuid import UUID

from core.jobs.states import JobName, JobType
from core.web.hash_routes import as_path

MAX_SUBJECT: Final = 100
"""Number of characters by which an id names its subject, so that the longest id has 200."""

_OTHER: Final = re.compile(r"[^A-Za-z0-9.]+")
_HEX: Final = re.compile(r"[0-9a-f]{32}")


def subject_name(address: str) -> str:
    """What an id calls a URL or a host: `shop.example-pricing`. Letters, digits, `.` and `-` only.

    It is not unique, and empty if the address has no such sign.
    """
    parts = urlsplit(as_path(address) if "://" in address else f"//{address}")
    text = f"{parts.hostname or ''} {parts.path} {parts.query}"
    plain = unicodedata.normalize("NFKD", unquote(text)).encode("ascii", "ignore").decode()
    return _OTHER.sub("-", plain)[:MAX_SUBJECT].strip("-.")


def _joined(*parts: str) -> str:
    return "-".join(part for part in parts if part)


def job_id_of(name: JobName, seed: UUID, address: str | None = None) -> str:
    """The id of a single job; `seed` identifies the request that starts it.

    `address` is the URL or host that it is about; None for the id of an earlier version.
    """
    return _joined(name.type, subject_name(address or ""), seed.hex)


def batch_job_id(batch_id: UUID, page_id: UUID, url: str | None = None) -> str:
    """The id of a page's job in a batch; deterministic, so that the fan-out can be repeated.

    `url` is that of the page; None for the id of an earlier version.
    """
    return _joined(JobType.CRAWL, subject_name(url or ""), batch_id.hex, page_id.hex)


def is_id_of_request(job_id: str) -> bool:
    """Whether a request or a batch has started the job: a schedule adds the time to the id, and
    other workflows choose it.
    """
    return _HEX.fullmatch(job_id.rpartition("-")[2]) is not None


def batch_part(batch_id: UUID) -> str:
    """What all ids of the jobs of a batch contain, and no others."""
    return f"-{batch_id.hex}-"


def page_of_batch_job(job_id: str) -> UUID | None:
    """The page of the job of a batch; None if no batch has started the job."""
    parts = job_id.split("-")
    if len(parts) < 3 or parts[0] != JobType.CRAWL:
        return None
    *_, batch, page = parts
    return UUID(hex=page) if _HEX.fullmatch(batch) and _HEX.fullmatch(page) else None


def batch_workflow_id(batch_id: UUID, host: str | None = None) -> str:
    """The id of the workflow that starts the jobs of a client's batch.

    `host` is that of its domain; None for the id of an earlier version.
    """
    return _joined("batch", subject_name(host or ""), batch_id.hex)


def scheduled_id(kind: str, subject_id: UUID, address: str) -> str:
    """The id of what a schedule starts, to which Temporal adds the time: `kind` is `batch`, `crawl`
    or `discover`, and `address` the URL or host of the subject.
    """
    return _joined(kind, subject_name(address), subject_id.hex)


def delivery_workflow_id(channel_id: UUID) -> str:
    """The id of the workflow that delivers to a channel."""
    return f"deliver-{channel_id.hex}"
