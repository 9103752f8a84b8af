"""The metrics: what a system exposes, and that dashboard and alerts ask for what is there."""

import json
import re
import subprocess
import urllib.request
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from prometheus_client import Histogram
from prometheus_client.parser import text_string_to_metric_families

from core import metrics
from core.errors import SettingsError
from core.metrics import REGISTRY
from temporal.monitoring import BACKLOGS, measure, serving_metrics
from temporal.readiness import Readiness
from tests.needs import need
from tests.ports import free_port
from tests.site import FakeSite
from tests.system import System

DOCS: Final = Path(__file__).parents[1] / "docs"
ALERT_CASES: Final = Path(__file__).parent / "alert_cases.yml"
SELECTOR: Final = re.compile(r"(diffy_\w+)(?:\{([^}]*)\})?")
UNBOUNDED: Final = {"org", "organisation", "host", "url", "domain", "page", "job", "id", "key"}


def queries() -> dict[str, str]:
    """Every query of the dashboard and of the alerts, by where it is."""
    dashboard = json.loads((DOCS / "grafana.json").read_text())
    found = {
        f"{panel['title']} {target['refId']}": target["expr"]
        for panel in dashboard["panels"]
        for target in panel["targets"]
    }
    rules = yaml.safe_load((DOCS / "alerts.yml").read_text())["groups"][0]["rules"]
    return found | {rule["alert"]: rule["expr"] for rule in rules}


def scraped(port: int) -> dict[str, list[Any]]:
    """The samples that a process serves, by their name."""
    url = f"http://127.0.0.1:{port}/metrics"
    with urllib.request.urlopen(url) as answer:
        text = answer.read().decode()
    samples: dict[str, list[Any]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            samples.setdefault(sample.name, []).append(sample)
    return samples


def declared() -> dict[str, set[str]]:
    """The names of the samples that the code declares, with their labels."""
    found = {}
    for metric in vars(metrics).values():
        if not hasattr(metric, "_labelnames"):
            continue
        labels = set(metric._labelnames)
        if isinstance(metric, Histogram):
            found[f"{metric._name}_bucket"] = labels | {"le"}
            found[f"{metric._name}_count"] = found[f"{metric._name}_sum"] = labels
        else:
            suffix = "_total" if metric._type == "counter" else ""
            found[f"{metric._name}{suffix}"] = labels
    return found


@pytest.mark.parametrize(("where", "query"), queries().items(), ids=list(queries()))
def test_a_query_asks_for_metrics_and_labels_that_exist(where: str, query: str) -> None:
    known = declared()
    selectors = SELECTOR.findall(query)
    assert selectors
    labels: set[str] = set()
    for name, matchers in selectors:
        assert name in known, where
        labels |= known[name]
        assert set(re.findall(r"(\w+)=", matchers)) <= known[name]
    for grouping in re.findall(r"by \(([^)]*)\)", query):
        assert set(grouping.split(", ")) <= labels


def test_no_label_names_a_tenant_a_host_or_an_id() -> None:
    for name, labels in declared().items():
        assert not labels & UNBOUNDED, name


def test_the_alerts_are_accepted_by_prometheus() -> None:
    need("promtool")
    subprocess.run(["promtool", "check", "rules", str(DOCS / "alerts.yml")], check=True)


def test_the_alerts_fire_when_they_should_and_not_before() -> None:
    need("promtool")
    ran = subprocess.run(
        ["promtool", "test", "rules", str(ALERT_CASES)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_every_alert_has_a_case_in_which_it_fires_and_one_in_which_it_does_not() -> None:
    rules = yaml.safe_load((DOCS / "alerts.yml").read_text())["groups"][0]["rules"]
    known = {
        rule["alert"]: {"exp_labels": rule["labels"], "exp_annotations": rule["annotations"]}
        for rule in rules
    }
    fires: set[str] = set()
    is_silent: set[str] = set()
    for case in yaml.safe_load(ALERT_CASES.read_text())["tests"]:
        for asked in case["alert_rule_test"]:
            (fires if asked["exp_alerts"] else is_silent).add(asked["alertname"])
            for alert in asked["exp_alerts"]:
                rule = known[asked["alertname"]]
                assert rule["exp_labels"].items() <= alert["exp_labels"].items()
                assert rule["exp_annotations"].keys() == alert["exp_annotations"].keys()
    assert fires == is_silent == known.keys()


async def test_a_system_that_works_exposes_what_it_did(system: System, site: FakeSite) -> None:
    port = free_port()
    page_id = await system.lone_page(site)
    with serving_metrics("127.0.0.1", port):
        async with system.worker():
            before = scraped(port)
            for price in (99, 129):
                site.page("/", f"<p>Pro costs ${price} a month.</p>")
                job = await system.finished(await system.ask(f"/api/pages/{page_id}/crawl"))
                assert job.return_value is not None
            await measure(system.client, Readiness(system.client, system.database, []))
        after = scraped(port)

    def grown(name: str, **labels: str) -> float:
        def total(samples: dict[str, list[Any]]) -> float:
            return sum(
                float(each.value)
                for each in samples.get(name, [])
                if labels.items() <= each.labels.items()
            )

        return total(after) - total(before)

    assert grown("diffy_jobs_finished_total", kind="crawl", outcome="completed") == 2
    assert grown("diffy_attempt_seconds_count", kind="crawl", outcome="completed") == 2
    assert grown("diffy_attempt_wait_seconds_count", kind="crawl") == 2
    assert grown("diffy_fetch_seconds_count", result="2xx") >= 2
    assert grown("diffy_fetched_bytes_total") >= 2 * len("<p>Pro costs $99 a month.</p>")
    assert grown("diffy_changes_total") == 1
    assert grown("diffy_database_seconds_count", kind="write", outcome="ok") > 0
    assert grown("diffy_temporal_call_seconds_count", call="start_workflow", outcome="ok") == 2
    route = {"route": "/api/pages/{page_id}/crawl", "method": "POST", "status": "2xx"}
    assert grown("diffy_http_request_seconds_count", **route) == 2
    assert {each.labels["kind"] for each in after["diffy_backlog_tasks"]} == set(BACKLOGS)
    assert {each.labels["part"] for each in after["diffy_ready"]} >= {"temporal", "database"}
    text = json.dumps({name: [each.labels for each in found] for name, found in after.items()})
    assert str(page_id) not in text
    assert site.origin not in text
    assert {each.name for family in REGISTRY.collect() for each in family.samples} >= set(after)


async def test_an_unknown_path_and_method_make_no_new_label(system: System) -> None:
    for path in ("/nowhere", "/elsewhere/1"):
        await system.api.request("BREW", path)
    routes = {
        (each.labels["route"], each.labels["method"])
        for family in metrics.HTTP_REQUESTS.collect()
        for each in family.samples
    }
    assert ("none", "OTHER") in routes
    assert not {route for route, _ in routes if "where" in route}


def test_an_address_that_is_taken_is_a_setting_to_mend(system: System) -> None:
    port = free_port()
    with (
        serving_metrics("127.0.0.1", port),
        pytest.raises(SettingsError, match=str(port)),
        serving_metrics("127.0.0.1", port),
    ):
        pytest.fail("two servers on one port")
