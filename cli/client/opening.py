"""`diffy open`: the installation, a changed page or a job in the browser."""

from urllib.parse import urlsplit

import click

from cli.client.api import Api
from cli.client.errors import BadUsage, ClientError
from cli.client.find import find_change, find_job, find_page, job_path
from cli.client.session import Session, examples, printing
from cli.client.terminal_text import json_text


@click.command(
    "open",
    epilog=examples(
        "diffy open",
        "diffy open --docs --print",
        "diffy open --job JOB --print",
        "diffy open --change CHANGE --print",
    ),
)
@click.option("--docs", is_flag=True, help="The documentation of the API.")
@click.option("--job", metavar="JOB", help="The steps of this job in the Temporal web UI.")
@click.option("--change", metavar="CHANGE", help="The web page that changed.")
@click.option("--page", metavar="PAGE", help="This web page, an id or a URL.")
@click.option("--print", "printed", is_flag=True, help="Print the address, and open nothing.")
@printing
def open_(
    session: Session,
    docs: bool,
    job: str | None,
    change: str | None,
    page: str | None,
    printed: bool,
) -> None:
    """Open the installation in the browser, or what an option names."""
    if sum(map(bool, (docs, job, change, page))) > 1:
        raise BadUsage("--docs, --job, --change and --page exclude each other.")
    url = _address(session.api, docs, job, change, page)
    if urlsplit(url).scheme not in ("http", "https"):
        raise ClientError(f"{json_text(url)} is not an address for a browser.")
    if printed or click.launch(url) != 0:
        click.echo(url)


def _address(api: Api, docs: bool, job: str | None, change: str | None, page: str | None) -> str:
    if job:
        find_job(api, job)
        url = api.answer(f"/api/jobs/{job_path(job)}/attempts")["meta"]["temporalUrl"]
        if url is None:
            raise ClientError(
                "The installation does not know its Temporal web UI; its operator sets "
                "DIFFY_TEMPORAL_UI_URL."
            )
        return str(url)
    if change:
        return str(find_change(api, change)["url"])
    if page:
        return str(find_page(api, page)["url"])
    return f"{api.url}/docs" if docs else f"{api.url}/"
