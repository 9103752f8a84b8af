"""`diffy mcp`: the installation for an assistant, by the Model Context Protocol."""

import click

from cli.client.api import Api
from cli.client.errors import ClientError
from cli.client.profiles import connection_of
from cli.client.session import examples


@click.command(epilog=examples("diffy mcp", "diffy mcp --write"))
@click.option("--profile", metavar="NAME", help="The profile to use, of `diffy login`.")
@click.option(
    "--write", is_flag=True, help="Also offer tools that start, add, change, cancel and remove."
)
def mcp(profile: str | None, write: bool) -> None:
    """Serve an assistant by the Model Context Protocol, over standard input and output.

    It can read what was found; with --write it can also start and change things. The assistant's
    program runs this command; end it with the end of its input.
    """
    try:
        from cli.client.mcp_tools import server_of
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "mcp":
            raise
        raise ClientError(
            "The package `mcp` is not installed. Install it: `pip install 'diffy-jobs[mcp]'`."
        ) from error
    api = Api(connection_of(profile))
    try:
        server_of(api, write=write).run()
    finally:
        api.close()
