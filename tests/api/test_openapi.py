"""What the OpenAPI document says of parameters, answers and examples, against live answers."""

from tests.api.operations import operations
from tests.system import System


def test_every_parameter_says_what_it_is_for(system: System) -> None:
    for operation in operations(system, endless=True):
        for parameter in operation.documented.get("parameters", []):
            assert parameter.get("description"), (str(operation), parameter["name"])
