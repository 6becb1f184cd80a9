"""The `clickorder` command: thin, and heavy imports only inside the commands that need them."""

from importlib.metadata import PackageNotFoundError, version
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from clickorder.cli.adapt import adapt
from clickorder.cli.audit import AuditCommand, audit
from clickorder.cli.bench import bench_app
from clickorder.cli.cluster import cluster_app
from clickorder.cli.evaluate import evaluate
from clickorder.cli.keys import keys_app
from clickorder.cli.labels import labels_app
from clickorder.cli.models import models_app
from clickorder.cli.names import names_app
from clickorder.cli.serve import serve
from clickorder.cli.solve import solve
from clickorder.cli.solve_arguments import SolveCommand
from clickorder.cli.solver_options import limit_matrix_threads
from clickorder.cli.text import text_app
from clickorder.cli.training import average, generate, ingredients, quantise
from labels.console import App


class OneSentence(TyperGroup):
    """Tells our own errors in one sentence on stderr, without a traceback."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command."""
        limit_matrix_threads()
        try:
            return super().invoke(ctx)
        except Exception as error:
            # An attribute, since importing all the trees of errors would slow every command down.
            code: int | None = getattr(error, "exit_status", None)
            if code is None:
                raise
            typer.echo(f"clickorder: {error}", err=True)
            raise typer.Exit(code) from error


app = App(
    cls=OneSentence,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    help="Click-CAPTCHA vision: picture and prompt in, ordered click coordinates out.\n\n"
    "Start with `clickorder serve`, or solve one picture with `clickorder solve`.",
)

app.add_typer(labels_app, name="labels")
app.add_typer(keys_app, name="keys")
app.add_typer(models_app, name="models")
app.add_typer(names_app, name="names")
app.add_typer(text_app, name="text")
app.add_typer(bench_app, name="bench")
app.add_typer(cluster_app, name="cluster")
app.command()(adapt)
app.command(cls=AuditCommand)(audit)
for command in (generate, ingredients, average, quantise):
    app.command()(command)


def _print_version(value: bool) -> None:
    if value:
        try:
            typer.echo(f"clickorder {version('clickorder')}")
        except PackageNotFoundError:
            typer.echo("clickorder, run from files that were not installed")
        raise typer.Exit


@app.callback()
def main(
    _version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Say which, stop."),
    ] = False,
) -> None:
    """Nothing to do before a command."""


app.command()(serve)
app.command(cls=SolveCommand)(solve)
app.command()(evaluate)
