"""All client commands, for the `diffy` command."""

from typing import Final

import click

from cli.client.changes import changes
from cli.client.completion import completion
from cli.client.demo import demo
from cli.client.domains import domains
from cli.client.jobs import jobs
from cli.client.login import login, logout, profiles
from cli.client.opening import open_
from cli.client.pages import pages
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
    stats,
    open_,
    demo,
    completion,
)
