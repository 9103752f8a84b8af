"""What the OpenAPI document says of parameters and answers, beside what the fuzzer checks."""

from typing import Any

from tests.api.operations import documentation, operations
from tests.system import System


def test_every_parameter_says_what_it_is_for(system: System) -> None:
    for operation in operations(system, endless=True):
        for parameter in operation.documented.get("parameters", []):
            assert parameter.get("description"), (str(operation), parameter["name"])


def test_every_answer_to_a_key_says_what_is_left_of_its_requests(system: System) -> None:
    assert system.app.openapi() == documentation(system), "also where it is asked for once more"
    for operation in operations(system, endless=True):
        answers: dict[str, Any] = operation.documented["responses"]
        for status, answer in answers.items():
            headers = set(answer.get("headers", ()))
            keyed = "401" in answers and status != "401"
            assert ({"RateLimit", "RateLimit-Policy"} <= headers) is keyed, (str(operation), status)
