"""The answer of the routes that start a job."""

from uuid import UUID

from core.model import Model


class StartedJob(Model):
    """The job that was asked for."""

    job_id: str


class StartedJobAnswer(Model):
    """The job that was started."""

    data: StartedJob


class StartedBatch(Model):
    """The batch that was started, and the number of its jobs."""

    batch_id: UUID
    jobs_queued: int


class StartedBatchAnswer(Model):
    """The batch that was started."""

    data: StartedBatch
