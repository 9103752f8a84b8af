"""Fails workflows whose input cannot be read, with INVALID_INPUT.

The SDK alone would retry the workflow task forever, in the hope of a deployment that fixes it.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from pydantic import ValidationError
from temporalio.api.common.v1 import Payload
from temporalio.contrib.pydantic import PydanticPayloadConverter, pydantic_data_converter
from temporalio.exceptions import ApplicationError
from temporalio.worker import (
    ExecuteWorkflowInput,
    Interceptor,
    WorkflowInboundInterceptor,
    WorkflowInterceptorClassInput,
)

from core.errors import InvalidJobInput


class _PayloadConverter(PydanticPayloadConverter):
    """Pydantic's JSON, with INVALID_INPUT for an input that does not validate."""

    def from_payloads(
        self, payloads: Sequence[Payload], type_hints: list[type] | None = None
    ) -> list[Any]:
        try:
            return super().from_payloads(payloads, type_hints)
        except Exception as error:
            if type_hints is not None and len(type_hints) == 1 and _is_input(type_hints[0]):
                raise _invalid(_reason(error)) from None
            raise


DATA_CONVERTER: Final = replace(pydantic_data_converter, payload_converter_class=_PayloadConverter)
"""The converter of every client and worker of Diffy."""


class InputGuard(Interceptor):
    """Fails workflows that are started with anything but one `WorkflowInput`."""

    def workflow_interceptor_class(
        self, input: WorkflowInterceptorClassInput
    ) -> type[WorkflowInboundInterceptor]:
        """The interceptor of one workflow."""
        return _Guard


class _Guard(WorkflowInboundInterceptor):
    async def execute_workflow(self, input: ExecuteWorkflowInput) -> Any:
        if len(input.args) != 1 or not _is_input(type(input.args[0])):
            raise _invalid("it must be one JSON object")
        return await super().execute_workflow(input)


def _is_input(kind: type) -> bool:
    # Not issubclass: a sandbox that reimports modules has its own classes.
    return getattr(kind, "starts_workflow", False)


def _reason(error: Exception) -> str:
    if not isinstance(error, ValidationError):
        return "it must be JSON"
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    return f"{where}: {first['msg']}" if where else first["msg"]


def _invalid(what: str) -> ApplicationError:
    return ApplicationError(
        f"The input of the workflow cannot be read: {what}.",
        type=InvalidJobInput.code,
        non_retryable=True,
    )
