"""The settings of all processes; only entry points read them from the environment."""

import os
from collections.abc import Mapping
from enum import StrEnum
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, AliasChoices, Field, ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from core.errors import SettingsError
from core.jobs.queues import Queue
from core.quotas import Quotas

DEFAULT_ORGANISATION = "default"
"""The organisation of the keys that exist from the start."""

MAX_QUOTA = 1_000_000_000

Port = Annotated[int, Field(ge=1, le=65535)]

CONTACT = r"^(https?://[!-'*-~]+|[!-'*-:<-~]+@[!-'*-:<-~]+)$"
"""An address that is valid inside the comment of a User-Agent: no white space or parentheses."""

_ORIGIN = r"https?://[A-Za-z0-9.:\[\]-]+"
CORS_ORIGINS = rf"^(\*|{_ORIGIN}( *, *{_ORIGIN})*)$"
PUBLIC_URL = r"^https?://[!-.0-~]+(/[!-~]*)?$"
"""An http(s) URL without white space."""

BUILD_ID = r"^[A-Za-z0-9][A-Za-z0-9._+-]{0,99}$"

MAIL_ADDRESS = r"^[!#-'*+\-./-9=?A-Z^-~]+@[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?$"
"""An address of e-mail without quotes (RFC 5322, 3.4.1, dot-atom)."""

SECRETS = frozenset(
    {
        "bootstrap_api_key",
        "database_url",
        "otel_exporter_otlp_endpoint",
        "secret_key",
        "smtp_password",
    }
)
"""Settings whose values never appear in messages."""

SECRET_URLS = frozenset({"database_url", "otel_exporter_otlp_endpoint"})
"""Those of which a password within them is the secret."""


def _proxies(text: str) -> str:
    """As uvicorn reads it: `*` stands alone, and a network has no bits of a host."""
    if text.strip() == "*":
        return "*"
    for each in text.split(","):
        ip_network(each.strip())
    return text


def _queues(text: str) -> str:
    """Names of queues with commas between, each known, at least one."""
    for each in text.split(","):
        Queue(each.strip())
    return text


class SmtpTls(StrEnum):
    """How a connection to a mail server is encrypted."""

    STARTTLS = "starttls"
    TLS = "tls"
    NONE = "none"


class LogFormat(StrEnum):
    """How a process writes its lines."""

    TEXT = "text"
    JSON = "json"


class LogLevel(StrEnum):
    """The least severe events that a process logs."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class Settings(BaseSettings):
    """The settings of an operator. The variable of a field is its name after `DIFFY_`."""

    model_config = SettingsConfigDict(env_prefix="DIFFY_", frozen=True, extra="ignore")

    data_dir: Path = Path(".diffy")
    """Where the embedded Temporal server and the embedded database keep their files."""

    api_host: Annotated[str, Field(min_length=1)] = "127.0.0.1"
    """The address the API listens on."""

    api_port: Port = 8000
    """The port the API listens on."""

    temporal_port: Port = 7233
    """The port of the embedded Temporal server."""

    temporal_ui_port: Port = 8233
    """The port of the embedded Temporal web UI."""

    temporal_address: str | None = Field(
        default=None, validation_alias=AliasChoices("TEMPORAL_ADDRESS", "temporal_address")
    )
    """A Temporal server of your own, `host:port`, in place of the embedded one. The Temporal SDK
    reads `TEMPORAL_NAMESPACE`, `TEMPORAL_API_KEY` and `TEMPORAL_TLS_*` as well."""

    temporal_ui_url: Annotated[str, Field(pattern=r"^https?://")] | None = None
    """The URL of the Temporal web UI, for links to it; default: the embedded one."""

    public_url: Annotated[str, Field(max_length=500, pattern=PUBLIC_URL)] | None = None
    """The URL at which others reach the API, for links in notifications; default: the address and
    port it listens on."""

    cors_origins: Annotated[str, Field(max_length=4_000, pattern=CORS_ORIGINS)] | None = None
    """The origins of web pages that may use the REST API from a browser, with commas between:
    `https://dash.example`; `*` for all. Without it, browsers let no other origin."""

    forwarded_allow_ips: Annotated[str, AfterValidator(_proxies)] = "127.0.0.1"
    """The reverse proxies whose `X-Forwarded-For` and `X-Forwarded-Proto` the API believes:
    addresses and networks, with commas between; `*` for all, where nobody else reaches the API."""

    database_url: str | None = None
    """An SQLAlchemy URL of SQLite or PostgreSQL; default: an SQLite file in the data directory."""

    smtp_host: Annotated[str, Field(min_length=1, max_length=253)] | None = None
    """The mail server that sends notifications. Without it no channel can be of kind `email`."""

    smtp_port: Port = 587
    """The port of the mail server."""

    smtp_tls: SmtpTls = SmtpTls.STARTTLS
    """How the connection to the mail server is encrypted: `starttls`, `tls` from its start, or
    `none`."""

    smtp_username: str | None = None
    """The name to log in to the mail server with, if it asks for one."""

    smtp_password: str | None = None
    """The password to log in to the mail server with."""

    smtp_from: Annotated[str, Field(max_length=254, pattern=MAIL_ADDRESS)] | None = None
    """The address that notifications are sent from; required with `DIFFY_SMTP_HOST`."""

    signal_targets: Annotated[str, Field(max_length=10_000)] = ""
    """The workflows that channels of kind `signal` may signal, with commas between: ids, starts of
    ids (`pricing-*`) and task queues (`queue:pricing`). Empty: there are no such channels."""

    bootstrap_api_key: Annotated[str, Field(min_length=16, max_length=200)] | None = None
    """An API key that exists for the organisation `default` from the start."""

    key_requests_per_minute: Annotated[int, Field(ge=0, le=1_000_000)] = 0
    """Requests to the REST API that one API key may make in a minute, in each process of the API;
    further ones answer 429. 0: as many as it likes."""

    quota_pages: Annotated[int, Field(ge=0, le=MAX_QUOTA)] = 0
    """Pages that an organisation may have, if it has no quota of its own (`diffy quotas set`).
    0: as many as it likes."""

    quota_checks_per_day: Annotated[int, Field(ge=0, le=MAX_QUOTA)] = 0
    """Checks of pages that an organisation may have in a day, which begins at midnight UTC, if it
    has no quota of its own. 0: as many as it likes."""

    quota_unfinished_jobs: Annotated[int, Field(ge=0, le=MAX_QUOTA)] = 0
    """Unfinished jobs that an organisation may have when it asks for more, if it has no quota of
    its own. 0: as many as it likes."""

    secret_key: Annotated[str, Field(min_length=32, max_length=200)] | None = None
    """The key that encrypts secrets at rest: the headers and cookies of crawl settings, and the
    addresses and signing keys of channels. Default with the embedded database: a file in the data
    directory, created when it is first needed."""

    allow_private_networks: bool = False
    """Whether the crawler may reach loopback and private addresses."""

    log_format: LogFormat | None = None
    """The form of the log on standard error: `text`, or `json` with one object a line; default:
    `text` on a terminal, else `json`."""

    log_level: LogLevel = LogLevel.WARNING
    """The least severe events that are logged: `debug`, `info` (also each request and each
    attempt), `warning` or `error`."""

    otel_exporter_otlp_endpoint: Annotated[str, Field(pattern=r"^https?://")] | None = Field(
        default=None,
        validation_alias=AliasChoices("OTEL_EXPORTER_OTLP_ENDPOINT", "otel_exporter_otlp_endpoint"),
    )
    """The collector that takes traces by OTLP over HTTP, `http://collector:4318`; default: nothing
    is traced. The OpenTelemetry SDK reads its other variables, as `OTEL_TRACES_SAMPLER`, as well.
    Needs the extra `tracing`."""

    metrics_host: Annotated[str, Field(min_length=1)] = "127.0.0.1"
    """The address at which processes serve their metrics, for those of the ports below that are
    set. The metrics contain no secret, and need no key."""

    api_metrics_port: Port | None = None
    """The port at which the API serves metrics for Prometheus; default: none."""

    worker_metrics_port: Port | None = None
    """The port at which a worker serves metrics for Prometheus; default: none."""

    sdk_metrics_port: Port | None = None
    """The port at which a worker serves the metrics of the Temporal SDK; default: none."""

    chromium: Path | None = None
    """The browser that renders pages; default: the `chromium` on the PATH."""

    host_rps: Annotated[float, Field(gt=0, le=10_000)] = 2.0
    """Requests per second to one host, over all jobs and workers."""

    fetch_seconds: Annotated[float, Field(gt=0, le=600)] = 60.0
    """Timeout in seconds of one exchange with a site: at most 30 for pages, 15 for robots.txt, 60
    for sitemaps."""

    contact: Annotated[str, Field(max_length=200, pattern=CONTACT)] | None = None
    """An e-mail or web address at which sites reach the operator; part of the User-Agent of all
    requests."""

    max_attempts: Annotated[int, Field(ge=1, le=20)] = 3
    """Number of attempts of a job, unless the request says otherwise."""

    job_retention_days: Annotated[int, Field(ge=1, le=3650)] = 30
    """Days that a finished job stays readable."""

    change_retention_days: Annotated[int, Field(ge=1, le=3650)] = 365
    """Days that a change and its snapshots are kept, a backtest, and a muted line after its last
    change."""

    snapshot_retention_days: Annotated[int, Field(ge=1, le=3650)] = 365
    """Days that a snapshot without a change is kept. A page's newest snapshot always stays."""

    audit_retention_days: Annotated[int, Field(ge=1, le=3650)] = 365
    """Days that it is known what keys did."""

    watch_broken_after: Annotated[int, Field(ge=1, le=100)] = 3
    """Number of failed checks in a row after which a page counts as not watched, and of failed
    discoveries in a row after which a domain does: the event `watch_broken`."""

    worker_concurrency: Annotated[int, Field(ge=1, le=1000)] = 200
    """Number of attempts that one worker process runs at once, of each kind of work. Most of them
    wait for a response; the limit of connections per host leaves room for other hosts beside a slow
    one."""

    queues: Annotated[str, AfterValidator(_queues)] = "checks,reading,rendering"
    """The kinds of work that a worker process does, with commas between: `checks`, `reading`,
    `rendering`. Each needs a worker somewhere."""

    worker_version: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._+-]{0,99}$")] | None = (
        None
    )
    """The version of the code of a worker, as a build id of Temporal's worker versioning in the
    deployment `diffy`. Workflows end with the version that they began with. Without it, workers are
    not versioned."""

    @property
    def database_file(self) -> Path:
        """The SQLite file of an installation that sets no database."""
        return self.data_dir.absolute() / "diffy.db"

    @property
    def resolved_database_url(self) -> str:
        """The URL of the database, set or default."""
        return self.database_url or f"sqlite:///{self.database_file}"

    @property
    def quotas(self) -> Quotas:
        """The quotas of an organisation that has none of its own."""
        return Quotas(
            pages=self.quota_pages,
            checks_per_day=self.quota_checks_per_day,
            unfinished_jobs=self.quota_unfinished_jobs,
        )

    @property
    def resolved_public_url(self) -> str:
        """The URL of the API for others, without a slash at its end."""
        default = f"http://{self.api_host}:{self.api_port}"
        return (self.public_url or default).rstrip("/")

    @property
    def served_queues(self) -> frozenset[Queue]:
        """The queues of `queues`."""
        return frozenset(Queue(each.strip()) for each in self.queues.split(","))

    @property
    def cors_origin_list(self) -> list[str]:
        """The origins of `cors_origins`, empty if there are none."""
        return [each.strip() for each in (self.cors_origins or "").split(",") if each.strip()]

    @property
    def resolved_temporal_ui_url(self) -> str | None:
        """The URL of the Temporal web UI; None if it is unknown."""
        if self.temporal_ui_url is None and self.temporal_address is None:
            return f"http://127.0.0.1:{self.temporal_ui_port}"
        return self.temporal_ui_url

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments and the environment only: no `.env` or secret files."""
        return init_settings, env_settings


STANDARD_VARIABLES = frozenset({"temporal_address", "otel_exporter_otlp_endpoint"})
"""Settings whose variables have the names that other programs give them."""


def variable_name(field: str) -> str:
    """The name of the environment variable of a field."""
    return field.upper() if field in STANDARD_VARIABLES else f"DIFFY_{field.upper()}"


def load_settings(environ: Mapping[str, str] = os.environ) -> Settings:
    """The settings in `environ`; an empty variable counts as unset.

    Raises SettingsError, which names each invalid variable and the values it accepts.
    """
    given = {
        field: environ[variable_name(field)]
        for field in Settings.model_fields
        if environ.get(variable_name(field), "") != ""
    }
    try:
        return Settings.model_validate(given)
    except ValidationError as error:
        raise SettingsError("; ".join(_complaint(each) for each in error.errors())) from None


def _complaint(error: ErrorDetails) -> str:
    name = str(error["loc"][0])
    field = name if name in Settings.model_fields else name.lower()
    given = "" if field in SECRETS else f", got {error['input']!r}"
    return f"{variable_name(field)}: {error['msg']}{given}"
