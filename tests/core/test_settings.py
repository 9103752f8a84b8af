"""Settings: defaults, and messages about invalid values."""

from pathlib import Path

import pytest

from core.errors import SettingsError
from core.jobs.queues import ALL_QUEUES, Queue
from core.settings import Settings, load_settings, variable_name


def test_every_setting_has_the_default_of_the_contract() -> None:
    settings = load_settings({})
    assert settings.data_dir == Path(".diffy")
    assert (settings.api_host, settings.api_port) == ("127.0.0.1", 8000)
    assert (settings.temporal_port, settings.temporal_ui_port) == (7233, 8233)
    assert settings.temporal_address is None
    assert settings.resolved_database_url == f"sqlite:///{Path('.diffy/diffy.db').absolute()}"
    assert settings.bootstrap_api_key is None
    assert settings.secret_key is None
    assert settings.signal_targets == ""
    assert settings.allow_private_networks is False
    assert (settings.log_format, settings.log_level) == (None, "warning")
    assert settings.host_rps == 2
    assert settings.fetch_seconds == 60
    assert settings.contact is None
    assert settings.max_attempts == 3
    assert settings.job_retention_days == 30
    assert settings.watch_broken_after == 3
    assert (settings.change_retention_days, settings.snapshot_retention_days) == (365, 365)


@pytest.mark.parametrize(
    ("variable", "given", "value"),
    [
        ("DIFFY_DATA_DIR", "/var/lib/diffy", Path("/var/lib/diffy")),
        ("DIFFY_API_HOST", "0.0.0.0", "0.0.0.0"),
        ("DIFFY_API_PORT", "65535", 65535),
        ("DIFFY_TEMPORAL_PORT", "1", 1),
        ("DIFFY_TEMPORAL_UI_PORT", "8080", 8080),
        ("TEMPORAL_ADDRESS", "temporal:7233", "temporal:7233"),
        ("DIFFY_DATABASE_URL", "postgresql://db/diffy", "postgresql://db/diffy"),
        ("DIFFY_BOOTSTRAP_API_KEY", "x" * 16, "x" * 16),
        ("DIFFY_SECRET_KEY", "x" * 32, "x" * 32),
        ("DIFFY_ALLOW_PRIVATE_NETWORKS", "true", True),
        ("DIFFY_LOG_FORMAT", "json", "json"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://[::1]:4318", "http://[::1]:4318"),
        ("DIFFY_LOG_LEVEL", "debug", "debug"),
        ("DIFFY_HOST_RPS", "0.5", 0.5),
        ("DIFFY_FETCH_SECONDS", "2.5", 2.5),
        ("DIFFY_CONTACT", "crawler@example.com", "crawler@example.com"),
        ("DIFFY_CONTACT", "https://example.com/bot?a=b", "https://example.com/bot?a=b"),
        ("DIFFY_CORS_ORIGINS", "*", "*"),
        ("DIFFY_KEY_REQUESTS_PER_MINUTE", "600", 600),
        ("DIFFY_QUOTA_PAGES", "5000", 5000),
        ("DIFFY_AUDIT_RETENTION_DAYS", "90", 90),
        ("DIFFY_QUOTA_CHECKS_PER_DAY", "0", 0),
        ("DIFFY_FORWARDED_ALLOW_IPS", "*", "*"),
        ("DIFFY_FORWARDED_ALLOW_IPS", " * ", "*"),
        ("DIFFY_FORWARDED_ALLOW_IPS", "10.0.0.0/8, ::1", "10.0.0.0/8, ::1"),
        ("DIFFY_QUOTA_UNFINISHED_JOBS", "1000", 1000),
        ("DIFFY_CORS_ORIGINS", "https://a.example, http://b:1", "https://a.example, http://b:1"),
        ("DIFFY_MAX_ATTEMPTS", "20", 20),
        ("DIFFY_JOB_RETENTION_DAYS", "1", 1),
        ("DIFFY_CHANGE_RETENTION_DAYS", "3650", 3650),
    ],
)
def test_a_variable_sets_its_setting(variable: str, given: str, value: object) -> None:
    field = next(name for name in Settings.model_fields if variable_name(name) == variable)
    assert getattr(load_settings({variable: given}), field) == value


@pytest.mark.parametrize(
    ("variable", "given", "accepted"),
    [
        ("DIFFY_API_PORT", "0", "greater than or equal to 1"),
        ("DIFFY_API_PORT", "http", "integer"),
        ("DIFFY_TEMPORAL_PORT", "65536", "less than or equal to 65535"),
        ("DIFFY_TEMPORAL_UI_PORT", "8233.5", "integer"),
        ("DIFFY_BOOTSTRAP_API_KEY", "short", "at least 16 characters"),
        ("DIFFY_SECRET_KEY", "x" * 31, "at least 32 characters"),
        ("DIFFY_ALLOW_PRIVATE_NETWORKS", "perhaps", "boolean"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4317", "should match pattern"),
        ("DIFFY_LOG_FORMAT", "xml", "'text' or 'json'"),
        ("DIFFY_LOG_LEVEL", "trace", "'debug', 'info', 'warning' or 'error'"),
        ("DIFFY_HOST_RPS", "0", "greater than 0"),
        ("DIFFY_HOST_RPS", "nan", "less than or equal to 10000"),
        ("DIFFY_HOST_RPS", "inf", "less than or equal to 10000"),
        ("DIFFY_FETCH_SECONDS", "0", "greater than 0"),
        ("DIFFY_CONTACT", "me", "should match pattern"),
        ("DIFFY_CONTACT", "a@b.com) evil(", "should match pattern"),
        ("DIFFY_CONTACT", "https://a.com/\r\nX: y", "should match pattern"),
        ("DIFFY_CONTACT", "https://bücher.example", "should match pattern"),
        ("DIFFY_CORS_ORIGINS", "https://a.example/", "should match pattern"),
        ("DIFFY_CORS_ORIGINS", "a.example", "should match pattern"),
        ("DIFFY_KEY_REQUESTS_PER_MINUTE", "-1", "greater than or equal to 0"),
        ("DIFFY_KEY_REQUESTS_PER_MINUTE", "1.5", "valid integer"),
        ("DIFFY_AUDIT_RETENTION_DAYS", "0", "greater than or equal to 1"),
        ("DIFFY_QUOTA_PAGES", "-1", "greater than or equal to 0"),
        ("DIFFY_QUOTA_CHECKS_PER_DAY", "many", "valid integer"),
        ("DIFFY_FORWARDED_ALLOW_IPS", "proxy.example", "does not appear to be an IPv4 or IPv6"),
        ("DIFFY_FORWARDED_ALLOW_IPS", "10.0.0.5, *", "does not appear to be an IPv4 or IPv6"),
        ("DIFFY_FORWARDED_ALLOW_IPS", "10.0.0.5/8", "has host bits set"),
        ("DIFFY_FORWARDED_ALLOW_IPS", "10.0.0.1,", "does not appear to be an IPv4 or IPv6"),
        ("DIFFY_CORS_ORIGINS", "*, https://a.example", "should match pattern"),
        ("DIFFY_MAX_ATTEMPTS", "0", "greater than or equal to 1"),
        ("DIFFY_JOB_RETENTION_DAYS", "-1", "greater than or equal to 1"),
        ("DIFFY_CHANGE_RETENTION_DAYS", "3651", "less than or equal to 3650"),
    ],
)
def test_a_bad_value_names_the_variable_and_what_it_accepts(
    variable: str, given: str, accepted: str
) -> None:
    with pytest.raises(SettingsError) as raised:
        load_settings({variable: given})
    assert raised.value.message.startswith(f"{variable}: ")
    assert accepted in raised.value.message


def test_every_bad_value_is_named_at_once() -> None:
    with pytest.raises(SettingsError, match=r"DIFFY_API_PORT: .*; DIFFY_HOST_RPS: "):
        load_settings({"DIFFY_API_PORT": "x", "DIFFY_HOST_RPS": "x"})


def test_a_secret_is_not_repeated() -> None:
    with pytest.raises(SettingsError) as raised:
        load_settings({"DIFFY_BOOTSTRAP_API_KEY": "hunter2", "DIFFY_SECRET_KEY": "hunter2"})
    assert "hunter2" not in raised.value.message


def test_an_empty_variable_counts_as_unset() -> None:
    assert load_settings({"DIFFY_API_PORT": ""}) == load_settings({})


def test_the_kinds_of_work_are_named() -> None:
    assert load_settings({}).served_queues == ALL_QUEUES
    chosen = load_settings({"DIFFY_QUEUES": "rendering, reading"}).served_queues
    assert chosen == {Queue.READING, Queue.RENDERING}
    for wrong in ("browser", "checks,", " "):
        with pytest.raises(SettingsError, match="DIFFY_QUEUES"):
            load_settings({"DIFFY_QUEUES": wrong})
