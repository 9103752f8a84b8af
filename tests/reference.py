"""Writes the pages of docs/reference/ that follow from the code: `make reference`.

tests/test_docs.py fails while a page differs from what the code says.
"""

import ast
import inspect
import itertools
import json
import re
import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, cast

from prometheus_client.metrics import MetricWrapperBase
from temporalio.client import Client

from api.app import create_app
from api.deps import MainTexts
from core import metrics
from core.errors import DiffyError, HostBusy, JobError, RequestError, SettingsError
from core.settings import Settings, variable_name
from store.db.engine import Database

FOLDER: Final = Path(__file__).parents[1] / "docs" / "reference"

FOR_ALL_ROUTES: Final = frozenset({"408", "413", "429", "431", "500", "503"})
"""Errors that every route may answer; the tables leave them out."""

EXPLAINED: Final = frozenset({"limit", "page", "cursor", "Idempotency-Key"})
"""Parameters that the head of the page explains for all routes."""

Schema = dict[str, Any]


def settings_page() -> str:
    """Every setting with its default, the values it accepts and its meaning."""
    schema = Settings.model_json_schema(by_alias=False)
    schema = _with_enums(schema, schema["$defs"])
    meanings = _docstrings_of_fields(Settings)
    rows = [
        (
            f"`{variable_name(field)}`",
            _code(info.default),
            _accepted(schema["properties"][field]),
            _plain(meanings[field]),
        )
        for field, info in Settings.model_fields.items()
    ]
    return _page(
        "Settings",
        "Environment variables, read when a process starts. If a value cannot be used, the command "
        "names the variable and ends with exit code 2. An empty value counts as unset.",
        _table(("variable", "default", "accepted", "meaning"), rows),
    )


def _docstrings_of_fields(model: type) -> dict[str, str]:
    """What stands under each field of a class. No process reads it from the class: Pydantic would
    parse the module at each start.
    """
    [written] = ast.parse(textwrap.dedent(inspect.getsource(model))).body
    assert isinstance(written, ast.ClassDef)
    return {
        field.target.id: inspect.cleandoc(below.value.value)
        for field, below in itertools.pairwise(written.body)
        if isinstance(field, ast.AnnAssign)
        and isinstance(field.target, ast.Name)
        and isinstance(below, ast.Expr)
        and isinstance(below.value, ast.Constant)
        and isinstance(below.value.value, str)
    }


def metrics_page() -> str:
    """Every metric with its labels and its meaning."""
    rows = [
        (
            f"`{family.name}{'_total' if family.type == 'counter' else ''}`",
            family.type,
            ", ".join(f"`{label}`" for label in metric._labelnames) or "none",
            family.documentation,
        )
        for metric in vars(metrics).values()
        if isinstance(metric, MetricWrapperBase)
        for family in metric.describe()
    ]
    return _page(
        "Metrics",
        "In the text format of Prometheus, at `/metrics` of the port in `DIFFY_API_METRICS_PORT` "
        "for the API and `DIFFY_WORKER_METRICS_PORT` for a worker, on the address in "
        "`DIFFY_METRICS_HOST`. Each process reports what it did since it started, so sum over "
        "processes. A histogram `x` has the samples `x_bucket`, `x_sum` and `x_count`. Labels have "
        "few values: none names an organisation, a host, a URL or an id.",
        _table(("metric", "type", "labels", "meaning"), rows),
        "## Of the Temporal SDK",
        "A worker serves the metrics of the SDK at the port in `DIFFY_SDK_METRICS_PORT`; their "
        "names begin with `temporal_`. Temporal's documentation lists them.",
        "## What is not counted",
        "A job that ends without a worker is not in `diffy_jobs_finished_total`: one that is "
        "cancelled while it waits, and one whose worker is lost in its last attempt. A change "
        "whose job is interrupted right after its transaction may be counted twice.",
        "## Dashboard and alerts",
        "`docs/grafana.json` is a dashboard for Grafana, `docs/alerts.yml` holds alert rules for "
        "Prometheus: [monitor an installation](../how-to/monitor.md).",
    )


def errors_page() -> str:
    """Every error code of the API and of jobs."""
    api_rows = [
        (str(error.http_status), f"`{error.code}`", _yes(error.retryable), _meaning(error))
        for error in sorted(_answered(), key=lambda error: error.http_status)
    ]
    job_rows = [
        (f"`{error.code}`", _yes(error.retryable), _meaning(error))
        for error in _descendants(JobError)
        if error.code != JobError.code
    ]
    return _page(
        "Errors",
        "Every error answer of the API has the same shape: `error` is a sentence, `code` is one of "
        "the codes below, and `details`, if present, has a sentence for each field or parameter at "
        "fault. Statuses 429 and 503 carry `Retry-After`. If `Accept` prefers "
        "`application/problem+json`, the answer is a problem detail (RFC 9457): `detail` is the "
        "sentence, and `code` and `details` are as above.",
        _table(("status", "code", "retryable", "meaning"), api_rows),
        "## Errors of jobs",
        "The code is the `type` of the Temporal failure, and of the `ApplicationError` that a "
        "parent workflow receives. `failedReason` in the API is a sentence. A job is attempted "
        "again only after a retryable error.",
        _table(("code", "retryable", "meaning"), job_rows),
        "Two more codes come from the workflow, because the activity could not report an error. "
        "Both are the end of the job:",
        _table(
            ("code", "meaning"),
            [
                ("`WORKER_LOST`", "The worker of the last attempt stopped sending heartbeats."),
                ("`JOB_TIMEOUT`", "The last attempt took longer than an attempt may take."),
            ],
        ),
    )


def api_page() -> str:
    """Every route with its parameters, its answers and its body."""
    # The document needs no connection.
    app = create_app(Settings(), cast(Client, None), cast(Database, None), cast(MainTexts, None))
    schemas: dict[str, Schema] = app.openapi()["components"]["schemas"]
    document: Schema = _with_enums(app.openapi(), schemas)
    schemas = document["components"]["schemas"]
    sections: dict[str, list[tuple[str, ...]]] = {}
    bodies: dict[str, list[str]] = {}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            name = f"{method.upper()} {path}"
            of_operation = _bodies_of(operation)
            for body in of_operation:
                bodies.setdefault(body, []).append(f"`{name}`")
            statuses = sorted(set(operation["responses"]) - FOR_ALL_ROUTES)
            sections.setdefault(operation["tags"][0], []).append(
                (
                    f"`{name}`",
                    _plain(operation["description"]),
                    ", ".join(_parameter(each) for each in _parameters(operation)),
                    " or ".join(f"[{body}](#{body.lower()})" for body in of_operation),
                    ", ".join(statuses),
                )
            )
    parts = [
        part
        for tag, rows in sections.items()
        for part in (
            f"## {tag.capitalize()}",
            _table(("route", "purpose", "parameters", "body", "statuses"), rows),
        )
    ]
    for body, users in bodies.items():
        parts += [f"## {body}", f"Body of {', '.join(users)}.", _fields(schemas[body])]
    for shared in sorted(_parts_of(bodies, schemas)):
        parts += [f"## {shared}", _plain(schemas[shared]["description"]), _fields(schemas[shared])]
    return _page(
        "API",
        "The OpenAPI document of the running service also has the fields of every answer: as JSON "
        "at `/openapi.json`, for people at `/docs`.",
        "Routes under `/api/` require `Authorization: Bearer KEY`. Bodies are JSON in camelCase. A "
        "field that is not listed is refused; an optional field that is null counts as absent, "
        "except in crawl settings. Times are UTC in whole seconds.",
        "Lists take `limit` (1 to 100, default 20) and either `page` (from 1) or `cursor`, which "
        "is `meta.nextCursor` of the page before. An `Idempotency-Key` has 1 to 200 visible ASCII "
        "characters and holds for seven days.",
        "Query parameters that a route does not have are ignored, and the header "
        "`Ignored-Parameters` of the answer names them. A request with `Prefer: handling=strict` "
        "(RFC 7240) is refused with 400 instead: a misspelt filter would show everything.",
        "Each route may also answer 408, 413, 429, 431, 500 or 503. [Errors](errors.md) lists the "
        "codes.",
        *parts,
    )


PAGES: Final[dict[str, Callable[[], str]]] = {
    "api.md": api_page,
    "errors.md": errors_page,
    "metrics.md": metrics_page,
    "settings.md": settings_page,
}
"""The generated pages by the names of their files."""


def _page(title: str, *parts: str) -> str:
    note = "<!-- Written by `make reference` from the code. Change the code instead. -->"
    return "\n\n".join((f"# {title}", note, *parts)) + "\n"


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _plain(text: str) -> str:
    """`text` as one paragraph that fits a cell of a table."""
    paragraph = inspect.cleandoc(text).partition("\n\n")[0]
    return re.sub(r"\s+", " ", paragraph).replace("|", "\\|")


def _meaning(error: type[DiffyError]) -> str:
    return _plain(error.__doc__ or "")


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def _code(value: object) -> str:
    if value is None:
        return "none"
    shown = str(value).lower() if isinstance(value, bool) else f"{value}".removesuffix(".0")
    return f"`{shown}`"


def _descendants(error: type[DiffyError]) -> Iterator[type[DiffyError]]:
    for child in error.__subclasses__():
        if child.__module__.startswith("core."):
            yield child
            yield from _descendants(child)


def _answered() -> Iterator[type[DiffyError]]:
    """What the API answers: neither settings nor jobs, and a host is never busy for a client."""
    yield from (
        error
        for error in _descendants(DiffyError)
        if not issubclass(error, JobError | SettingsError | HostBusy) and error is not RequestError
    )
    yield _Fault


class _Fault(DiffyError):
    """A fault of the service; its log has the stack trace."""


def _with_enums(node: Any, schemas: dict[str, Schema]) -> Any:
    """`node` with each reference to an enumeration replaced by its values."""
    match node:
        case {"$ref": str(reference)} if "/headers/" not in reference:
            target = schemas[reference.rpartition("/")[2]]
            return target if "enum" in target else node
        case dict():
            return {key: _with_enums(value, schemas) for key, value in node.items()}
        case list():
            return [_with_enums(value, schemas) for value in node]
        case _:
            return node


def _bodies_of(operation: Schema) -> list[str]:
    """The schemas of a body: none, one, or one of each kind of what is sent."""
    if "requestBody" not in operation:
        return []
    [content] = operation["requestBody"]["content"].values()
    schemas = content["schema"].get("oneOf", [content["schema"]])
    return [name for each in schemas if (name := _reference(each))]


def _reference(schema: Schema) -> str | None:
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    return next((name for each in schema.get("anyOf", ()) if (name := _reference(each))), None)


def _parts_of(names: Iterable[str], schemas: Mapping[str, Schema]) -> set[str]:
    """The schemas that those of `names` consist of: each has a section of its own."""
    found: set[str] = set()
    open_names = list(names)
    while open_names:
        text = json.dumps(schemas[open_names.pop()].get("properties", {}))
        parts = set(re.findall(r'"#/components/schemas/([^"]+)"', text)) - found
        found |= parts
        open_names += parts
    return found - set(names)


def _parameters(operation: Schema) -> Iterator[Schema]:
    yield from (each for each in operation.get("parameters", ()) if each["in"] != "path")


def _parameter(parameter: Schema) -> str:
    explained = parameter["name"] in EXPLAINED
    accepted = "" if explained else _accepted(parameter["schema"])
    return f"`{parameter['name']}`" + (f" ({accepted})" if accepted else "")


def _fields(schema: Schema) -> str:
    rows = [
        (
            f"`{name}`" + (" (required)" if name in schema.get("required", ()) else ""),
            _accepted(field),
            _plain(field.get("description", "")),
        )
        for name, field in schema.get("properties", {}).items()
    ]
    return _table(("field", "accepted", "meaning"), rows)


def _accepted(schema: Schema) -> str:
    """The values that a schema accepts, in words."""
    if "anyOf" in schema:
        kinds = [each for each in schema["anyOf"] if each.get("type") != "null"]
        return " or ".join(filter(None, map(_accepted, kinds)))
    if "$ref" in schema:
        name = _reference(schema) or ""
        return f"[{name}](#{name.lower()})"
    if "const" in schema:
        return f"`{schema['const']}`"
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    match schema.get("type"):
        case "integer" | "number" as kind:
            return _range(schema) or str(kind)
        case "boolean":
            return "`true`, `false`"
        case "array":
            most = f" of at most {_number(schema['maxItems'])}" if "maxItems" in schema else ""
            return f"list{most}"
        case "object":
            return "object of strings"
        case "string":
            return _text(schema)
        case _:
            return ""


def _range(schema: Schema) -> str:
    least, most = schema.get("minimum"), schema.get("maximum")
    above = schema.get("exclusiveMinimum")
    if most is None:
        return ""
    if above is not None:
        return f"above {_number(above)}, at most {_number(most)}"
    return "" if least is None else f"{_number(least)} to {_number(most)}"


def _number(value: float) -> str:
    return f"{int(value):,}" if value == int(value) else f"{value}"


def _text(schema: Schema) -> str:
    if "format" in schema:
        return {"uuid": "UUID", "date-time": "time with zone"}.get(schema["format"], "text")
    least, most = schema.get("minLength"), schema.get("maxLength")
    if most is not None:
        return f"{least or 0} to {_number(most)} characters"
    return "text"


def main() -> None:
    """Write every page."""
    for name, content in PAGES.items():
        (FOLDER / name).write_text(content(), encoding="utf-8")


if __name__ == "__main__":
    main()
