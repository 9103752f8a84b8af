"""`diffy completion`: what makes a shell complete commands, options and domains."""

import click
from click.shell_completion import get_completion_class

from cli.client.errors import BadUsage
from cli.client.session import examples

VARIABLE = "_DIFFY_COMPLETE"
"""The variable by which a shell asks; click derives it from the name of the program."""


@click.command(epilog=examples("diffy completion bash"))
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the completion of SHELL.

    \b
    bash: eval "$(diffy completion bash)" in ~/.bashrc
    zsh:  eval "$(diffy completion zsh)" in ~/.zshrc
    fish: diffy completion fish > ~/.config/fish/completions/diffy.fish
    """  # noqa: D301
    found = get_completion_class(shell)
    if found is None:
        raise BadUsage(f"There is no completion for {shell}.")
    click.echo(found(ctx.find_root().command, {}, "diffy", VARIABLE).source())
