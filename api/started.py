"""The answer of the routes that start a job."""

from core.model import Model


class StartedJob(Model):
    """The job that was asked for."""

    job_id: str


class StartedJobAnswer(Model):
    """The job that was started."""

    data: StartedJob
