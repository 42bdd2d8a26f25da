"""`molar bench latency`, `engine`, `index`, `stress`, `demo`, `serve`: how quick a bundle answers, and how well."""

from functools import partial
from pathlib import Path
from typing import Any

import click

from molar.app.cli_serve import BUNDLE_OPTION, showroom
from molar.app.options import COUNT, DEVICE_OPTION, FOLDER, PRECISION_OPTION, report, write
from molar.engine.errors import RequestError


@click.command()
@BUNDLE_OPTION
@click.option("--history", "length", type=COUNT, default=50, show_default=True, help="Events in each history.")
@click.option("--calls", type=COUNT, default=500, show_default=True, help="Timed calls.")
@DEVICE_OPTION
@PRECISION_OPTION
@click.option("--out", type=FOLDER, help="Also write the result here (JSON).")
def latency(bundle: Path | None, length: int, calls: int, device: str, precision: str, out: Path | None) -> None:
    """Latency of one recommendation from a bundle, from ids to ids, and what opening it takes.

    \b
    Example:
      molar bench latency --bundle bundles/movielens-1m --history 50
    """
    from molar.engine.benchmark import benchmark_bundle

    report(benchmark_bundle(bundle or showroom(), length, calls, device, precision), out)


@click.command()
@click.option("--items", type=COUNT, multiple=True, default=(10_000, 100_000, 1_000_000), show_default=True)
@click.option("--dim", "widths", type=COUNT, multiple=True, default=(128,), show_default=True, help="Table's width.")
@click.option("--batch", "batches", type=COUNT, multiple=True, default=(1, 64), show_default=True, help="People.")
@click.option("--history", "lengths", type=COUNT, multiple=True, default=(50,), show_default=True, help="Events.")
@click.option("--calls", type=COUNT, default=100, show_default=True, help="Timed calls of one person.")
@DEVICE_OPTION
@click.option("--out", type=FOLDER, help="Also write the result here (JSON, and .md beside).")
@click.option("--plot", type=FOLDER, help="Draw latency by catalogue size here (PNG).")
@click.option(
    "--beside",
    type=click.Choice(["torch", "faiss", "usearch"]),
    multiple=True,
    default=("torch", "faiss", "usearch"),
    show_default=True,
    help="What is measured too; each holds the table in memory once more.",
)
@click.option("--bundles", type=FOLDER, help="Keep the catalogues here, and use those that are there.")
def engine(
    items: tuple[int, ...],
    widths: tuple[int, ...],
    batches: tuple[int, ...],
    lengths: tuple[int, ...],
    calls: int,
    device: str,
    out: Path | None,
    plot: Path | None,
    beside: tuple[str, ...],
    bundles: Path | None,
) -> None:
    """The engine beside torch, faiss and usearch on catalogues of random vectors, from ids to ids, in one run.

    --items, --dim, --batch and --history can be repeated.

    \b
    Example:
      molar bench engine --items 10000 --items 100000
    """
    from molar.export.engine_benchmark import benchmark_engine
    from molar.export.engine_table import markdown

    def say(step: str) -> None:
        click.echo(f"{step} ...", err=True)

    def keep(result: dict[str, Any]) -> None:
        if out:
            write(result, out)

    result = benchmark_engine(items, widths, batches, lengths, calls, device, say, bundles, beside, keep)
    if plot:
        from molar.export.engine_plot import draw_latency

        draw_latency(result, plot)
    report(result, out)
    if out:
        out.with_suffix(".md").write_text(markdown(result), encoding="utf-8")


@click.command()
@BUNDLE_OPTION
@click.option("--threads", type=COUNT, default=64, show_default=True, help="That ask.")
@click.option("--seconds", type=click.FloatRange(min=0.1), default=300.0, show_default=True, help="How long.")
@DEVICE_OPTION
@PRECISION_OPTION
@click.option("--out", type=FOLDER, help="Also write the result here (JSON).")
def stress(bundle: Path | None, threads: int, seconds: float, device: str, precision: str, out: Path | None) -> None:
    """Ask from many threads while items are added, hidden and removed, with NumPy checking every answer.

    \b
    Example:
      molar bench stress --bundle bundles/movielens-1m --seconds 10
    """
    from molar.engine import Recommender
    from molar.engine.stress import stress as run_stress

    result = run_stress(Recommender.load(bundle or showroom(), device, precision), threads, seconds)
    report(result, out)
    if result["errors"] or result["wrong"]:
        raise click.ClickException(f"{sum(result['errors'].values())} errors, {result['wrong']} wrong answers")


@click.command("index")
@click.argument("addresses", nargs=-1, required=True)
@click.option("--items", type=COUNT, default=100_000, show_default=True)
@click.option("--dim", "width", type=COUNT, default=128, show_default=True, help="Table's width.")
@click.option("--history", "length", type=COUNT, default=50, show_default=True, help="Events in each history.")
@click.option("--calls", type=COUNT, default=100, show_default=True, help="Timed calls.")
@click.option("--out", type=FOLDER, help="Also write the result here (JSON).")
def search_index(addresses: tuple[str, ...], items: int, width: int, length: int, calls: int, out: Path | None) -> None:
    """Item search at each of ADDRESSES beside the exact search in the graph, on a catalogue of random vectors.

    Each address gets a collection of these items, which stays there.

    \b
    Example:
      molar bench index qdrant:///tmp/qdrant milvus:///tmp/milvus.db
    """
    from molar.export.index_benchmark import benchmark_index

    say = partial(click.echo, err=True)
    report(benchmark_index(addresses, items, width, length, calls, say), out)


@click.command("demo")
@BUNDLE_OPTION
@click.option("--visitors", type=COUNT, default=50, show_default=True, help="At once.")
@click.option("--seconds", type=COUNT, default=180, show_default=True, help="How long they stay.")
@click.option("--pause", default=3.0, show_default=True, help="Seconds between two clicks of a visitor, on average.")
@click.option("--chromium", type=FOLDER, help="A browser to click in too; its time is then part of the answer's.")
@click.option("--out", type=FOLDER, help="Also write the result here (JSON).")
def demo_visitors(
    bundle: Path | None, visitors: int, seconds: int, pause: float, chromium: Path | None, out: Path | None
) -> None:
    """The web demo in a process of its own: how soon it answers, and many visitors at once.

    \b
    Example:
      molar bench demo --visitors 50 --seconds 180 --chromium /usr/bin/chromium
    """
    from molar.app.demo.benchmark import measure_demo

    report(measure_demo(bundle or showroom(), visitors, seconds, pause, chromium), out)


@click.command("serve")
@BUNDLE_OPTION
@click.option("--clients", type=COUNT, default=32, show_default=True, help="Connections.")
@click.option("--seconds", type=COUNT, default=300, show_default=True, help="How long.")
@click.option("--history", "length", type=COUNT, default=20, show_default=True, help="Events in each history.")
@click.option("-k", default=10, show_default=True, help="How many items.")
@click.option("--wrk", default="wrk", show_default=True, help="The program that asks.")
@click.option("--out", type=FOLDER, help="Also write the result here (JSON).")
def service(bundle: Path | None, clients: int, seconds: int, length: int, k: int, wrk: str, out: Path | None) -> None:
    """`molar serve` in a process of its own, asked by wrk; in the middle the bundle is opened again.

    \b
    Example:
      molar bench serve --clients 32 --seconds 300
    """
    from molar.app.service_benchmark import measure_service

    report(measure_service(bundle or showroom(), wrk, clients, seconds, length, k), out)


@click.command()
@click.argument("dataset", type=FOLDER)
@BUNDLE_OPTION
@click.option("--encoder", default="towers", show_default=True, help="That reads the items.")
@click.option("--out", type=FOLDER, help="Also write the result here (JSON).")
def killed(dataset: Path, bundle: Path | None, encoder: str, out: Path | None) -> None:
    """Kill a service, a replica, a training and a worker in the middle of their work: what is lost.

    \b
    Example:
      molar bench killed data/movielens-1m
    """
    from molar.app import killed_benchmark
    from molar.train.dataset import load_dataset

    load_dataset(dataset)  # what is wrong with it is said before anything is killed
    if not Path("/proc").exists():
        raise RequestError("processes are looked for in /proc, which only Linux has")
    served = bundle or showroom()
    found = {
        "service": killed_benchmark.killed_service(served),
        "replica": killed_benchmark.killed_replica(served),
        "training": killed_benchmark.killed_training(dataset),
        "worker": killed_benchmark.killed_worker(dataset, encoder),
    }
    report(found, out)
