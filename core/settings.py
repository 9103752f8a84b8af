"""The settings of every process, read from the environment by entry points only."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from pydantic import AliasChoices, Field, ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from core.errors import SettingsError

Port = Annotated[int, Field(ge=1, le=65535)]

CONTACT = r"^(https?://[!-'*-~]+|[!-'*-:<-~]+@[!-'*-:<-~]+)$"
"""What can stand in the comment of a user agent: no white space, no parentheses."""

SECRETS = frozenset({"bootstrap_api_key", "database_url", "secret_key"})
"""Settings whose values no message repeats."""


class Settings(BaseSettings):
    """What an operator can choose. Each field is the variable of that name, `DIFFY_` before it."""

    model_config = SettingsConfigDict(
        env_prefix="DIFFY_", frozen=True, use_attribute_docstrings=True, extra="ignore"
    )

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
    """A Temporal server of your own, `host:port`; none is embedded then. `TEMPORAL_NAMESPACE`,
    `TEMPORAL_API_KEY` and `TEMPORAL_TLS_*` go with it, as the Temporal SDK reads them."""

    temporal_ui_url: Annotated[str, Field(pattern=r"^https?://")] | None = None
    """Where the Temporal web UI is, for links to it; the embedded one is known."""

    database_url: str | None = None
    """An SQLAlchemy URL of SQLite or PostgreSQL; unset: an SQLite file in the data directory."""

    bootstrap_api_key: Annotated[str, Field(min_length=16, max_length=200)] | None = None
    """An API key that exists for the organisation `default` from the start."""

    secret_key: Annotated[str, Field(min_length=32, max_length=200)] | None = None
    """What the headers and cookies of crawl settings are encrypted with at rest. Unset, with the
    embedded database: a file in the data directory, made when it is needed first."""

    allow_private_networks: bool = False
    """Whether the crawler may reach loopback and private addresses."""

    chromium: Path | None = None
    """The browser that renders pages; unset: the `chromium` of the PATH."""

    host_rps: Annotated[float, Field(gt=0, le=10_000)] = 2.0
    """Requests a second to one host, over all jobs and all workers together."""

    fetch_seconds: Annotated[float, Field(gt=0, le=600)] = 60.0
    """The most seconds that one exchange with a site may take. Pages have 30 at most, robots.txt
    15, sitemaps 60."""

    contact: Annotated[str, Field(max_length=200, pattern=CONTACT)] | None = None
    """An e-mail address or web address by which sites reach who runs this crawler. It is sent with
    every request, in the user agent."""

    max_attempts: Annotated[int, Field(ge=1, le=20)] = 3
    """How often a job is tried when the request does not say."""

    job_retention_days: Annotated[int, Field(ge=1, le=3650)] = 30
    """How many days a finished job stays readable."""

    change_retention_days: Annotated[int, Field(ge=1, le=3650)] = 365
    """How many days a change is kept, with the snapshots that it refers to; also a backtest, and
    what was learned of a line that has not changed since."""

    snapshot_retention_days: Annotated[int, Field(ge=1, le=3650)] = 365
    """How many days a snapshot is kept that no change refers to. A page's newest one stays."""

    worker_concurrency: Annotated[int, Field(ge=1, le=1000)] = 200
    """How many attempts one worker process runs at once. Most of them wait for a site to answer:
    few enough are at one host that slow ones leave room for the rest."""

    @property
    def resolved_database_url(self) -> str:
        """The URL of the database, also where none was set."""
        return self.database_url or f"sqlite:///{self.data_dir.absolute() / 'diffy.db'}"

    @property
    def resolved_temporal_ui_url(self) -> str | None:
        """Where the Temporal web UI is, if that is known."""
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
        """Only arguments and the environment: no files that nobody looks into."""
        return init_settings, env_settings


def variable_name(field: str) -> str:
    """The environment variable of a field."""
    return "TEMPORAL_ADDRESS" if field == "temporal_address" else f"DIFFY_{field.upper()}"


def load_settings(environ: Mapping[str, str] = os.environ) -> Settings:
    """Settings from `environ`.

    Raises SettingsError, naming each variable at fault and what it accepts.
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
