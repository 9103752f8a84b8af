"""What other people's workflows wrote. Any workflow in the namespace may start a job, give it a
memo under our keys, signal it or take its name: what cannot be read as ours counts as not said.
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
    """The first of `payloads`; None when there is none or it is no `kind`."""
    if not payloads:
        return None
    try:
        [value] = await converter.decode(payloads[:1], [kind])
    except Exception:
        # Whatever a converter raises for an unknown encoding, broken JSON or another type.
        return None
    return value if isinstance(value, kind) else None


async def read_memo(execution: WorkflowExecution, key: str, kind: type[T]) -> T | None:
    """What the memo has under `key`; None when that is nothing or no `kind`."""
    fields = execution.raw_info.memo.fields
    payloads = [fields[key]] if key in fields else []
    return await read_payloads(execution.data_converter, payloads, kind)
