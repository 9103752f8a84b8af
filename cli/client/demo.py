"""`diffy demo`: the whole story on a small shop on this machine, without a network."""

import signal
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import click

from cli.client.api import Api, Row
from cli.client.changes import COLUMNS as CHANGE_COLUMNS
from cli.client.demo_shop import NEW_PRICE, OLD_PRICE, PRICING, raise_price, served_shop, write_shop
from cli.client.demo_system import running_system
from cli.client.difference import plain_difference, print_difference
from cli.client.errors import Interrupted
from cli.client.output import Format, Output
from cli.client.pages import COLUMNS as PAGE_COLUMNS
from cli.client.profiles import Connection
from cli.client.session import examples
from cli.client.watch import wait_for_batch, wait_for_jobs
from cli.client.work import batch_failure, failure_of


@click.command(epilog=examples("diffy demo", "diffy demo --stay"))
@click.option(
    "--stay/--end",
    default=None,
    help="Go on running until Ctrl-C, or end after the story.  [default: stay on a terminal]",
)
def demo(stay: bool | None) -> None:
    """Show everything in a minute: a shop is discovered, crawled, edited, crawled again.

    It runs a system of its own in a temporary folder, and a shop of four pages on this machine. It
    needs no network and leaves nothing behind.
    """
    output = Output(None)
    stays = sys.stdout.isatty() if stay is None else stay
    try:
        with (
            _ended_as_by_ctrl_c(),
            tempfile.TemporaryDirectory(prefix="diffy-demo-") as name,
            ExitStack() as stack,
        ):
            folder = Path(name)
            write_shop(folder / "shop")
            shop = stack.enter_context(served_shop(folder / "shop"))
            _say("A shop of four pages runs at", shop)
            began = time.monotonic()
            click.echo("Starting Temporal, a worker and the API ...")
            connection, temporal_ui = stack.enter_context(running_system(folder))
            click.echo(f"... done in {time.monotonic() - began:.0f} s.")
            api = Api(connection)
            stack.callback(api.close)
            _story(api, output, shop, folder / "shop")
            _next_steps(connection, temporal_ui, shop, folder / "shop", stays)
            if stays:
                with suppress(KeyboardInterrupt):
                    while True:
                        time.sleep(1)  # a signal just before an endless pause would not end it
                click.echo("Stopping; nothing is left behind.")
    except KeyboardInterrupt:
        raise Interrupted("The demo was stopped; nothing is left behind.") from None


@contextmanager
def _ended_as_by_ctrl_c() -> Iterator[None]:
    """Let `kill` and a closed terminal end the block as Ctrl-C does, so that its system ends too.

    Ctrl-C itself has no effect on what a script started in the background, unless it is asked for.
    Only the main thread can have it so.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, signal.default_int_handler) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _say(text: str, value: str = "") -> None:
    click.echo(f"{text} {click.style(value, bold=True)}" if value else text)


def _step(command: str) -> None:
    """Say which command does what comes now."""
    click.echo()
    click.secho(f"$ {command}", fg="cyan", bold=True)


def _story(api: Api, output: Output, shop: str, folder: Path) -> None:
    _step(f"diffy domains add {shop} --wait")
    domain = api.post("/api/domains", {"domain": shop, "displayName": "Lantern & Co."})
    jobs = wait_for_jobs(api, output, [domain["discoveryJobId"]])
    if failure := failure_of(jobs):
        raise failure
    _say(f"The discovery found {jobs[0]['returnValue']['pagesAdded']} pages.")
    _step(f"diffy pages list {shop}")
    output.rows(api.list(f"/api/domains/{domain['id']}/pages", None).rows, PAGE_COLUMNS)
    _crawl(api, output, shop, domain["id"])
    _say("The first crawl stores each page as the baseline; later ones are compared with it.")
    click.echo()
    _say(f"The shop raises a price: {OLD_PRICE} becomes {NEW_PRICE} in", str(folder / PRICING))
    raise_price(folder)
    _crawl(api, output, shop, domain["id"])
    _step("diffy changes list")
    changes = api.list("/api/changes", None).rows
    output.rows(changes, CHANGE_COLUMNS)
    for change in changes:
        _step(f"diffy changes show {change['id'][:8]}")
        _show(output, api.get(f"/api/changes/{change['id']}"))


def _crawl(api: Api, output: Output, shop: str, domain_id: str) -> None:
    _step(f"diffy crawl {shop} --wait")
    started = api.post(f"/api/domains/{domain_id}/crawl", {})
    stats = wait_for_batch(api, output, started["batchId"], started["jobsQueued"])
    _say(f"{stats['completed']} pages checked.")
    if failure := batch_failure(started["batchId"], stats):
        raise failure


def _show(output: Output, change: Row) -> None:
    if output.format is Format.TABLE:
        print_difference(output.console, change)
        return
    for line in plain_difference(change):
        click.echo(line)


def _next_steps(
    connection: Connection, temporal_ui: str, shop: str, folder: Path, stays: bool
) -> None:
    click.echo()
    if stays:
        _say("It goes on running. In another terminal:")
        click.echo(f"  export DIFFY_URL={connection.url} DIFFY_API_KEY={connection.key}")
        click.echo(f"  edit {folder / PRICING}, then: diffy crawl {shop} --wait")
        click.echo("  diffy changes list")
        click.echo(f"In the browser: {connection.url}/ (the key is {connection.key}),")
        click.echo(
            f"  {temporal_ui} (each job as a Temporal workflow), {shop}/{PRICING} (the shop)"
        )
        click.echo("Ctrl-C ends it.")
        return
    _say("What to do next:")
    click.echo("  diffy up                                    run a system of your own")
    click.echo("  diffy login                                 with the key that it prints")
    click.echo("  diffy domains add SITE --wait               watch a site")
    click.echo("  diffy demo --stay                           this demo, to play with")
