"""`diffy login`, `diffy logout`, `diffy profiles`: where installations are, and their keys."""

import os
import sys

import click

from cli.client.api import Api
from cli.client.errors import BadUsage
from cli.client.output import Column
from cli.client.profiles import (
    DEFAULT_PROFILE,
    DEFAULT_URL,
    Connection,
    load_profiles,
    parse_url,
    profiles_path,
    save_profiles,
)
from cli.client.session import Session, examples, printing

COLUMNS = (
    Column("name", "PROFILE"),
    Column("url", "URL"),
    Column("current", "CURRENT"),
)


@click.command(
    epilog=examples(
        "diffy login",
        "diffy login https://diffy.example --profile work",
    )
)
@click.argument("url", required=False)
@click.option(
    "--profile",
    metavar="NAME",
    default=DEFAULT_PROFILE,
    show_default=True,
    help="The profile to store it as.",
)
def login(url: str | None, profile: str) -> None:
    """Store the address and the API key of an installation, and use it from now on.

    URL is its address; without one, DIFFY_URL, or the installation on this machine.

    The key is asked for, or read from DIFFY_API_KEY or from standard input; it is no argument,
    because other users see those.
    """
    origin = parse_url(url or os.environ.get("DIFFY_URL") or DEFAULT_URL)
    connection = Connection(origin, _key(origin))
    if origin.startswith("http://") and not connection.loopback:
        click.echo(f"diffy: {origin} is not https: others on the way can read the key.", err=True)
    api = Api(connection)
    try:
        api.answer("/api/domains", limit=1)
    finally:
        api.close()
    save_profiles(load_profiles().with_profile(profile, connection))
    click.echo(f"{origin} accepts the key. It is stored as profile {profile}.", err=True)
    click.echo("`diffy domains add DOMAIN --wait` adds a site to watch.", err=True)


def _key(url: str) -> str:
    key = os.environ.get("DIFFY_API_KEY", "")
    if not key and sys.stdin.isatty():
        key = click.prompt(f"API key for {url}", hide_input=True, err=True)
    elif not key:
        key = sys.stdin.readline()
    key = key.strip()
    if not key:
        raise BadUsage(
            "There is no key on standard input. Make one where the installation runs with "
            "`diffy keys create --org NAME`."
        )
    return key


@click.command(epilog=examples("diffy logout --profile work"))
@click.option(
    "--profile", metavar="NAME", default=DEFAULT_PROFILE, show_default=True, help="Which profile."
)
def logout(profile: str) -> None:
    """Forget a profile and its key. The key stays valid: `diffy keys revoke` ends it."""
    save_profiles(load_profiles().without(profile))


@click.group()
def profiles() -> None:
    """List the stored installations, and choose one."""


@profiles.command("list", epilog=examples("diffy profiles list"))
@printing
def list_profiles(session: Session) -> None:
    """List the profiles, without their keys."""
    stored = load_profiles()
    rows = [
        {"name": name, "url": each.url, "current": name == stored.current}
        for name, each in sorted(stored.connections.items())
    ]
    session.output.rows(rows, COLUMNS)
    if not rows:
        session.output.note(f"{profiles_path()} has none yet. `diffy login URL` stores one.")


@profiles.command(epilog=examples("diffy profiles use work"))
@click.argument("name")
def use(name: str) -> None:
    """Use the profile NAME from now on."""
    save_profiles(load_profiles().using(name))
