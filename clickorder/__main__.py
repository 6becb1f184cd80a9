"""`python -m clickorder`: the same as the console script."""

from clickorder.cli import app

app(prog_name="clickorder")
