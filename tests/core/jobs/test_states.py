"""The ids of jobs."""

from uuid import UUID

from core.jobs.states import batch_job_id


def test_the_job_of_a_page_in_a_batch_has_one_id() -> None:
    batch, page = UUID(int=1), UUID(int=2)
    assert batch_job_id(batch, page) == batch_job_id(batch, page)
    assert batch_job_id(batch, page) != batch_job_id(page, batch)
    assert len(batch_job_id(batch, page)) <= 200
