"""All client commands, for the `diffy` command."""

from typing import Final

import click

from cli.client.alerts import alerts
from cli.client.audit import audit
from cli.client.changes import changes
from cli.client.channels import channels
from cli.client.completion import completion
from cli.client.deliveries import deliveries
from cli.client.demo import demo
from cli.client.domains import domains
from cli.client.exporting import export
from cli.client.feeds import feeds
from cli.client.health import watching
from cli.client.importing import import_
from cli.client.jobs import jobs
from cli.client.login import login, logout, profiles
from cli.client.mcp import mcp
from cli.client.opening import open_
from cli.client.pages import pages
from cli.client.prices import prices
from cli.client.quota import quota
from cli.client.stats import stats
from cli.client.work import crawl, discover

COMMANDS: Final[tuple[click.Command, ...]] = (
    login,
    logout,
    profiles,
    domains,
    pages,
    discover,
    crawl,
    jobs,
    changes,
    prices,
    alerts,
    channels,
    deliveries,
    feeds,
    import_,
    export,
    stats,
    quota,
    audit,
    watching,
    open_,
    mcp,
    demo,
    completion,
)
