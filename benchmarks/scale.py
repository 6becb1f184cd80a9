"""What a load needs, and what a million solves cost, from the rate that was measured.

    python -m benchmarks.scale --solves-per-s S --cores C --core-hour-price PRICE

The formulae are in docs/scale.md. The numbers that are not given are assumptions, which the table
names.
"""

import math
from dataclasses import dataclass
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

LOADS = (1_000, 100_000)
"""Solves per second."""

app = typer.Typer(add_completion=False)


@dataclass(frozen=True, slots=True)
class Measured:
    """What was measured, or is assumed.

    Attributes:
        solves_per_s: Solves per second of the machine, all of its cores busy.
        cores: Its cores.
        memory_mib: Memory of a replica in MiB.
        bytes_in: Bytes of a request.
        bytes_out: Bytes of an answer.
        gateway_per_s: Requests that one gateway forwards in a second; None where nobody knows.
        utilisation: Share of the time that a core computes at the most, 0..1.
        workers: Cores of a replica.
    """

    solves_per_s: float
    cores: int
    memory_mib: float = 300.0
    bytes_in: int = 24_000
    bytes_out: int = 1_200
    gateway_per_s: float | None = None
    utilisation: float = 0.7
    workers: int = 2


@dataclass(frozen=True, slots=True)
class Need:
    """What a load needs.

    Attributes:
        cores: Cores that solve.
        replicas: Replicas, rounded up.
        gateways: Gateways, rounded up; None where nobody knows.
        memory_gib: Memory of the replicas in GiB.
        gbit_in: Gigabits per second of requests, from outside.
        gbit_out: Gigabits per second of answers, to the outside.
    """

    cores: float
    replicas: int
    gateways: int | None
    memory_gib: float
    gbit_in: float
    gbit_out: float


def need(load: float, measured: Measured) -> Need:
    """What so many solves per second need."""
    cores = load / solves_of_a_core(measured)
    replicas = math.ceil(cores / measured.workers)
    return Need(
        cores,
        replicas,
        None if measured.gateway_per_s is None else math.ceil(load / measured.gateway_per_s),
        replicas * measured.memory_mib / 1024,
        load * measured.bytes_in * 8 / 1e9,
        load * measured.bytes_out * 8 / 1e9,
    )


def solves_of_a_core(measured: Measured) -> float:
    """Solves per second of one core at the highest utilisation."""
    return measured.utilisation * measured.solves_per_s / measured.cores


def core_hours_of_a_million(measured: Measured) -> float:
    """Core hours of a million solves."""
    return 1e6 / 3600 / solves_of_a_core(measured)


@app.command()
def main(
    solves_per_s: Annotated[float, typer.Option(min=1e-9, help="Measured, all cores busy.")],
    cores: Annotated[int, typer.Option(min=1, help="Cores that it was measured on.")],
    memory_mib: Annotated[float, typer.Option(min=1, help="Memory of a replica.")] = 300.0,
    bytes_in: Annotated[int, typer.Option(min=1, help="Of a request.")] = 24_000,
    bytes_out: Annotated[int, typer.Option(min=1, help="Of an answer.")] = 1_200,
    gateway_per_s: Annotated[
        float | None, typer.Option(min=1e-9, help="Requests that one gateway forwards in a second.")
    ] = None,
    utilisation: Annotated[
        float, typer.Option(min=0.01, max=1, help="Share of the time that cores compute.")
    ] = 0.7,
    workers: Annotated[int, typer.Option(min=1, help="Cores of a replica.")] = 2,
    core_hour_price: Annotated[
        float, typer.Option(min=0, help="Price of a core for an hour, in any currency.")
    ] = 0.0,
) -> None:
    """Say what 1,000 and 100,000 solves a second need, and what a million cost."""
    measured = Measured(
        solves_per_s,
        cores,
        memory_mib,
        bytes_in,
        bytes_out,
        gateway_per_s,
        utilisation,
        workers,
    )
    table = Table("", *(f"{load:,} per second" for load in LOADS))
    needs = [need(load, measured) for load in LOADS]
    table.add_row("cores", *(f"{n.cores:,.0f}" for n in needs))
    table.add_row(f"replicas of {workers} workers", *(f"{n.replicas:,}" for n in needs))
    if gateway_per_s is not None:
        table.add_row("gateways", *(f"{n.gateways:,}" for n in needs))
    table.add_row("memory of the replicas", *(f"{n.memory_gib:,.0f} GiB" for n in needs))
    table.add_row("requests", *(f"{n.gbit_in:,.2f} Gbit/s" for n in needs))
    table.add_row("answers", *(f"{n.gbit_out:,.2f} Gbit/s" for n in needs))
    console = Console()
    console.print(table)
    console.print(
        f"Cores busy {utilisation:.0%} of the time; replicas of {memory_mib:g} MiB, requests of "
        f"{bytes_in:,} bytes, answers of {bytes_out:,} bytes."
    )
    hours = core_hours_of_a_million(measured)
    console.print(
        f"A million solves: {hours:.2f} core hours, {hours * core_hour_price:.2f} in money."
    )


if __name__ == "__main__":
    app()
