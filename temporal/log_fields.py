"""The job, workflow or activity in which a line is logged."""

from collections.abc import Mapping
from typing import Any, Final

from temporalio import activity, workflow

from workflows.search_attributes import Attribute

SDK_FIELDS: Final = {
    "workflow_id": "job_id",
    "workflow_type": "workflow",
    "activity_type": "activity",
    "attempt": "attempt",
}
"""Our names of what the SDK's loggers tell of a workflow or an activity."""


def job_fields(record: Mapping[str, Any]) -> Mapping[str, object]:
    """The fields of the job that the running code works for, empty if it works for none.

    `record` are the attributes of the log record: lines that the SDK writes about a workflow or an
    activity outside of it have them there.
    """
    if activity.in_activity():
        return _of_activity(activity.info())
    if workflow.in_workflow():
        return _of_workflow(workflow.info())
    told = record.get("temporal_activity") or record.get("temporal_workflow")
    if not isinstance(told, Mapping):
        return {}
    return {ours: told[name] for name, ours in SDK_FIELDS.items() if name in told}


def _of_activity(info: activity.Info) -> Mapping[str, object]:
    return {
        "job_id": info.workflow_id,
        "workflow": info.workflow_type,
        "activity": info.activity_type,
        "attempt": info.attempt,
    }


def _of_workflow(info: workflow.Info) -> Mapping[str, object]:
    found: dict[str, object] = {"job_id": info.workflow_id, "workflow": info.workflow_type}
    attributes = info.typed_search_attributes
    for name, key in (("org_id", Attribute.ORG), ("domain_id", Attribute.DOMAIN)):
        value = attributes.get(key)
        if value is not None:
            found[name] = value
    return found
