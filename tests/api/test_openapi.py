"""What the OpenAPI document says of parameters and answers, beside what the fuzzer checks."""

import json
from collections.abc import AsyncIterator
from itertools import chain
from typing import Any

import httpx2
import pytest

from api.app import create_app
from api.deps import services_of
from tests.api.operations import documentation, operations
from tests.system import System

BODIES = {
    "POST /api/domains": ["AddDomainBody"],
    "POST /api/domains/{domain_id}/pages": ["AddPageBody"],
    "POST /api/pages/import": ["ImportBody"],
    "POST /api/channels": ["AddWebhookBody", "AddEmailBody", "AddSignalBody"],
    "POST /api/alerts": ["AlertBody"],
    "POST /api/alerts/preview": ["PreviewBody"],
}
"""The bodies that have an example, in an order in which they can be sent."""


@pytest.fixture
async def complete(system: System) -> AsyncIterator[httpx2.AsyncClient]:
    """A client of an API that may send e-mail and signals."""
    settings = system.settings.model_copy(
        update={
            "smtp_host": "mail.example",
            "smtp_from": "diffy@mail.example",
            "signal_targets": "order-*",
        }
    )
    main_texts = services_of(system.app).main_texts
    app = create_app(settings, system.client, system.database, main_texts)
    async with httpx2.AsyncClient(
        transport=httpx2.ASGITransport(app=app),
        base_url="http://diffy.test",
        headers=system.api.headers,
    ) as api:
        yield api


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


async def test_every_example_of_a_body_is_taken(
    system: System, complete: httpx2.AsyncClient
) -> None:
    schemas = documentation(system)["components"]["schemas"]
    with_example = {name for name, schema in schemas.items() if "examples" in schema}
    assert with_example == {*chain(*BODIES.values()), "ImportedDomainBody"}
    taken: dict[str, Any] = {}
    for route, names in BODIES.items():
        [operation] = [each for each in operations(system) if str(each) == route]
        body = json.dumps(operation.documented["requestBody"])
        for name in names:
            assert f"#/components/schemas/{name}" in body
            for example in schemas[name]["examples"]:
                if "channelIds" in example:
                    example = {**example, "channelIds": [taken["AddWebhookBody"]["id"]]}
                path = operation.target(domain_id=taken.get("AddDomainBody", {}).get("id"))
                answer = await complete.post(path, json=example)
                assert answer.is_success, (route, answer.text)
                taken[name] = answer.json()["data"]
    imported = taken["ImportBody"]
    assert (imported["added"], imported["known"], imported["refused"]) == (1, 1, 0)
    for example in schemas["ImportedDomainBody"]["examples"]:
        answer = await complete.post("/api/pages/import", json={"domains": [example]})
        assert answer.is_success, answer.text


@pytest.mark.parametrize(
    ("path", "models"),
    [
        ("/api/jobs/{job_id}/events", ["JobDetail"]),
        ("/api/events", ["JobDetail", "ChangeRow"]),
    ],
)
def test_the_data_of_events_is_described(system: System, path: str, models: list[str]) -> None:
    written = documentation(system)
    [kind] = written["paths"][path]["get"]["responses"]["200"]["content"].items()
    assert kind[0] == "text/event-stream"
    data = kind[1]["itemSchema"]["properties"]["data"]
    assert (data["type"], data["contentMediaType"]) == ("string", "application/json")
    schema = data["contentSchema"]
    referred = [each["$ref"] for each in schema.get("anyOf", [schema]) if "$ref" in each]
    assert referred == [f"#/components/schemas/{each}" for each in models]
    assert set(models) <= set(written["components"]["schemas"])
