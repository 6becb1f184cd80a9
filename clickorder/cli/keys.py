"""`clickorder keys`: who may use a service."""

from pathlib import Path
from typing import Annotated

import typer

from clickorder.terminal import report_os_errors

keys_app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    help="API keys of a service: new, list, remove.\n\n"
    "They are in the settings file, as hashes only. A running service takes a change when it is "
    "started again, or at once on SIGHUP (`kill -HUP`), without dropping a request.",
)

FileOption = Annotated[
    Path,
    typer.Option(
        "--settings", metavar="FILE", envvar="CLICKORDER_SETTINGS", help="The settings file."
    ),
]
_FILE = Path("clickorder.toml")


@keys_app.command()
def new(
    name: Annotated[str, typer.Argument(help="Whose key it is; it is seen in logs and metrics.")],
    admin: Annotated[
        bool, typer.Option("--admin", help="It may also reload and roll back models.")
    ] = False,
    rate: Annotated[
        int | None,
        typer.Option(min=1, help="Requests in a minute. [default: 600, or what the file says]"),
    ] = None,
    concurrency: Annotated[
        int | None,
        typer.Option(min=1, help="Requests at the same time. [default: 8, or what the file says]"),
    ] = None,
    file: FileOption = _FILE,
) -> None:
    """Make a key, print it once, and add its hash to the settings file.

    The key alone goes to standard output. The file is made where there is none; what is in it
    stays as it is, comments too.

    For example:

    - `clickorder keys new qa-team`
    - `clickorder keys new operator --admin --settings /etc/clickorder.toml`
    - `clickorder keys new batch --rate 6000 --concurrency 32 > batch.key`
    """
    from clickorder.key_file import KeyFile
    from service.security.keys import new_key

    key = new_key()
    with report_os_errors(file):
        KeyFile(file).add(name, key, admin=admin, rate_per_minute=rate, concurrency=concurrency)
    typer.echo(key)
    typer.echo(
        f"{name} was added to {file}. The key is shown this once and kept nowhere; a running "
        "service takes it on SIGHUP or when it is started again.",
        err=True,
    )


@keys_app.command("list")
def list_keys(file: FileOption = _FILE) -> None:
    """Show the names in the settings file, and what each may do."""
    from clickorder.key_file import KeyFile

    with report_os_errors(file):
        entries, defaults = KeyFile(file).read()
    if not entries:
        typer.echo(f"{file} has no keys; make one with `clickorder keys new NAME`.", err=True)
        return
    width = max(len(entry.name) for entry in entries)
    for entry in entries:
        rate = entry.rate_per_minute or defaults.rate_per_minute
        at_once = entry.concurrency or defaults.concurrency
        rights = "  admin" if entry.admin else ""
        typer.echo(f"{entry.name:{width}}  {rate}/min  {at_once} at once{rights}")


@keys_app.command()
def remove(
    name: Annotated[str, typer.Argument(help="As `clickorder keys list` shows it.")],
    file: FileOption = _FILE,
) -> None:
    """Take a key out of the settings file.

    A running service refuses it from SIGHUP on, or from when it is started again.
    """
    from clickorder.key_file import KeyFile

    with report_os_errors(file):
        KeyFile(file).remove(name)
    typer.echo(f"{name} was removed from {file}.", err=True)
