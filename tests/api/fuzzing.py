"""Requests made up from the API's own documentation, and what its answers break of it."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.checks import load_all_checks, not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.core.result import Ok
from schemathesis.generation import GenerationMode
from schemathesis.generation.case import Case
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    ignored_auth,
    missing_required_header,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.api.operations import ENDLESS

Operation = APIOperation[Any, Any, Any, Any]

CHECKED: Final = (
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    negative_data_rejection,
    missing_required_header,
    ignored_auth,
)
"""What every answer is checked for. Left out is that all that the documentation allows is accepted:
of an address or a time zone it cannot say all.
"""

READINESS: Final = "GET /readyz"
"""The route whose 503 is an answer: no worker runs while the others are asked."""

PATIENCE: Final = 120
"""Seconds that no answer takes unless it hangs."""

AT_THE_END: Final = "DELETE"
"""What is deleted cannot be asked for any more."""


WORDS: Final = st.text("abc", min_size=1, max_size=8)

ON_UNFINISHED: Final = ("/cancel", "/promote", "/attempts")


@dataclass
class Figures:
    """What became of the requests to one route."""

    route: str
    statuses: Counter[int] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)

    @property
    def sent(self) -> int:
        """How many requests there were."""
        return self.statuses.total()


class Fuzzer:
    """Sends requests with a good `key` to an API at `origin`, of which `document` tells.

    `known` are ids that exist, by the name of the parameter; a made-up id seldom does. Of jobs
    they are finished ones, as the stream of another's events has no end; `unfinished` are others,
    for the routes that need them. `site` is the origin of the known domain.
    """

    def __init__(
        self,
        origin: str,
        key: str,
        document: dict[str, Any],
        known: Mapping[str, Sequence[str]],
        unfinished: Sequence[str],
        site: str,
    ) -> None:
        load_all_checks()
        self._headers = {"Authorization": f"Bearer {key}"}
        self._origin = origin
        self._known = known
        self._unfinished = unfinished
        # Fields that hold addresses, which chance alone does not write.
        self._addresses = {
            "POST /api/domains": ("domain", "{}.example"),
            "POST /api/domains/{domain_id}/pages": ("url", f"{site}/{{}}"),
        }
        self._session = requests.Session()
        schema = schemathesis.openapi.from_dict(document)
        schema.config.update(base_url=origin)
        # Parameters that are not documented are ignored, and the key is ours.
        schema.config.generation.update(
            allow_extra_parameters=False, with_security_parameters=False
        )
        found: list[Operation] = [
            each.ok() for each in schema.get_all_operations() if isinstance(each, Ok)
        ]
        found = [each for each in found if each.label not in ENDLESS]
        self._operations = sorted(found, key=lambda each: each.method.upper() == AT_THE_END)

    def run(self, examples: int) -> Iterator[Figures]:
        """The figures of each route, after so many requests; always the same."""
        for operation in self._operations:
            figures = Figures(operation.label)
            self._fuzz(operation, figures, examples)
            yield figures

    def _fuzz(self, operation: Operation, figures: Figures, examples: int) -> None:
        cases = list(self._cases(operation))

        @settings(
            max_examples=examples,
            deadline=None,
            database=None,
            derandomize=True,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(st.one_of(cases))
        def attempt(case: Case[Any]) -> None:
            self._try(case, figures)

        attempt()

    def _cases(self, operation: Operation) -> Iterator[st.SearchStrategy[Case[Any]]]:
        """Good and bad requests, most of them for what exists."""
        names = [each.name for each in operation.path_parameters]
        for mode in GenerationMode:
            yield operation.as_strategy(generation_mode=mode)
            for each in self._ids(operation.path, names):
                aimed = operation.as_strategy(generation_mode=mode, path_parameters=each)
                yield aimed
                if mode is GenerationMode.POSITIVE and operation.label in self._addresses:
                    field, form = self._addresses[operation.label]
                    yield st.builds(_addressed, aimed, st.just(field), WORDS.map(form.format))

    def _ids(self, path: str, names: Sequence[str]) -> Iterator[dict[str, str]]:
        match list(names):
            case []:
                yield {}
            case [name]:
                yield from ({name: each} for each in self._known[name])
                if path.endswith(ON_UNFINISHED):
                    yield from ({name: each} for each in self._unfinished)

    def _try(self, case: Case[Any], figures: Figures) -> None:
        response = case.call(session=self._session, headers=self._headers, timeout=PATIENCE)
        figures.statuses[response.status_code] += 1
        try:
            checks = [
                each
                for each in CHECKED
                if each is not not_a_server_error or case.operation.label != READINESS
            ]
            case.validate_response(response, checks=checks, headers=self._headers)
        except FailureGroup as group:
            figures.failures += [
                f"{type(each).__name__}: {each.message} <- {case.as_curl_command()}"[:2000]
                for each in group.exceptions
            ]


def _addressed(case: Case[Any], field: str, address: str) -> Case[Any]:
    """The same request with an address that is one."""
    assert isinstance(case.body, dict)
    case.body = {**case.body, field: address}
    return case
