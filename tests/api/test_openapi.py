"""What the OpenAPI document says of parameters and answers, beside what the fuzzer checks."""

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx2
import pytest

from api.app import create_app
from api.deps import services_of
from api.limits import JsonBody
from tests.api.operations import documentation, operations
from tests.system import System

BODIES = {
    "POST /api/domains": ["AddDomainBody"],
    "POST /api/domains/{domain_id}/pages": ["AddPageBody"],
    "POST /api/pages/import": ["ImportBody"],
    "POST /api/channels": ["AddWebhookBody", "AddEmailBody", "AddSignalBody"],
    "POST /api/alerts": ["AlertBody"],
    "POST /api/alerts/preview": ["PreviewBody"],
    "POST /api/feeds": ["AddFeedBody"],
    "POST /api/keys": ["AddKeyBody"],
    "PATCH /api/domains/{domain_id}": ["ChangeDomainBody"],
    "PATCH /api/pages/{page_id}": ["PageChoices"],
    "PATCH /api/channels/{channel_id}": ["ChangeChannelBody"],
    "PATCH /api/alerts/{alert_id}": ["ChangeAlertBody"],
    "POST /api/domains/{domain_id}/discover": ["DiscoverBody"],
    "POST /api/pages/{page_id}/crawl": ["JobBody"],
}
"""Bodies whose examples are sent, in an order in which they can be."""

MADE = {
    "domain_id": "AddDomainBody",
    "page_id": "AddPageBody",
    "channel_id": "AddSignalBody",
    "alert_id": "AlertBody",
}
"""The bodies that have made what the ids in the paths are of."""


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


def test_every_body_has_an_example_that_its_model_accepts(system: System) -> None:
    schemas = documentation(system)["components"]["schemas"]
    models = {each.__name__: each for each in _subclasses(JsonBody)}
    seen = set()
    for operation in operations(system):
        if operation.takes_body:
            [schema] = [each["schema"] for each in operation.body["content"].values()]
            kinds = schema.get("oneOf") or schema.get("anyOf") or [schema]
            for name in _models_of(kinds):
                examples = schemas[name].get("examples", [])
                assert examples, (str(operation), name)
                for example in examples:
                    given = models[name].model_validate_json(json.dumps(example))
                    assert given.model_fields_set, (str(operation), "an example says something")
                seen.add(str(operation))
    assert {each.partition(" ")[0] for each in seen} >= {"POST", "PATCH"}
    taking = {str(each) for each in operations(system) if each.method in ("PUT", "PATCH")}
    assert taking <= seen


def _models_of(kinds: list[dict[str, Any]]) -> list[str]:
    """The names of the models among the kinds of a body, which may also be null."""
    names = [each["$ref"].rpartition("/")[2] for each in kinds if each != {"type": "null"}]
    assert names
    return names


def _subclasses(model: type[JsonBody]) -> Iterator[type[JsonBody]]:
    for each in model.__subclasses__():
        yield each
        yield from _subclasses(each)


async def test_every_example_of_a_body_is_taken(
    system: System, complete: httpx2.AsyncClient
) -> None:
    schemas = documentation(system)["components"]["schemas"]
    taken: dict[str, Any] = {}
    for route, names in BODIES.items():
        [operation] = [each for each in operations(system) if str(each) == route]
        body = json.dumps(operation.documented["requestBody"])
        for name in names:
            assert f"#/components/schemas/{name}" in body
            for example in schemas[name]["examples"]:
                if "channelIds" in example:
                    example = {**example, "channelIds": [taken["AddWebhookBody"]["id"]]}
                ids = {id_: taken[made]["id"] for id_, made in MADE.items() if made in taken}
                path = operation.target(**ids)
                answer = await complete.request(operation.method, path, json=example)
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
