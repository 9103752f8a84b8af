"""The ids of jobs."""

from uuid import UUID

import pytest

from core.jobs.states import batch_job_id, page_of_batch_job


def test_the_job_of_a_page_in_a_batch_has_one_id() -> None:
    batch, page = UUID(int=1), UUID(int=2)
    assert batch_job_id(batch, page) == batch_job_id(batch, page)
    assert batch_job_id(batch, page) != batch_job_id(page, batch)
    assert len(batch_job_id(batch, page)) <= 200


def test_the_job_of_a_page_in_a_batch_tells_the_page() -> None:
    assert page_of_batch_job(batch_job_id(UUID(int=1), UUID(int=2))) == UUID(int=2)


@pytest.mark.parametrize(
    "job_id",
    ["", "crawl-" + "0" * 32, "discover-1-" + "0" * 32, "crawl-1-2-" + "0" * 32, "crawl-1-é"],
)
def test_a_job_of_no_batch_tells_no_page(job_id: str) -> None:
    assert page_of_batch_job(job_id) is None
