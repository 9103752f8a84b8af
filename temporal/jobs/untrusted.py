"""Reads payloads that any workflow in the namespace may have written.

Workflows of other teams may set a memo under our keys, signal a job, or use its name. A payload
that is not of the expected type is read as None.
"""

from collections.abc import Sequence
from typing import TypeVar

from temporalio.api.common.v1 import Payload
from temporalio.client import WorkflowExecution
from temporalio.converter import DataConverter

T = TypeVar("T")


async def read_payloads(
    converter: DataConverter, payloads: Sequence[Payload], kind: type[T]
) -> T | None:
    """The first of `payloads`; None if there is none or it is not a `kind`."""
    if not payloads:
        return None
    try:
        [value] = await converter.decode(payloads[:1], [kind])
    except Exception:
        # Converters raise any error for an unknown encoding, broken JSON or another type.
        return None
    return value if isinstance(value, kind) else None


async def read_memo(execution: WorkflowExecution, key: str, kind: type[T]) -> T | None:
    """The field `key` of the memo; None if it is missing or not a `kind`."""
    fields = execution.raw_info.memo.fields
    payloads = [fields[key]] if key in fields else []
    return await read_payloads(execution.data_converter, payloads, kind)
