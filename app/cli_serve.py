"""`molar recommend`, `molar bench`, `molar demo`: what needs a bundle only."""

import json
import os
from dataclasses import asdict
from importlib import resources
from pathlib import Path
from typing import Any

import click

from molar.app.options import DEVICE_OPTION, FOLDER
from molar.engine.errors import RequestError

_COUNT = click.IntRange(min=1)
_BUNDLE_OPTION = click.option(
    "--bundle", type=FOLDER, help="Made by `molar export`; the embedded showroom if not given."
)


def showroom() -> Path:
    """The embedded bundle."""
    return Path(str(resources.files("molar.assets") / "showroom"))


@click.command()
@click.argument("history", nargs=-1, required=True)
@_BUNDLE_OPTION
@click.option("-k", default=10, show_default=True, help="How many.")
@click.option("--where", multiple=True, metavar="NAME=VALUE", help="Keep items with this attribute; repeatable.")
@click.option("--mode", help="aligned, content or ids.  [default: the bundle's first]")
@DEVICE_OPTION
@click.option("--json", "as_json", is_flag=True, help="Print the list as JSON.")
def recommend(
    history: tuple[str, ...],
    bundle: Path | None,
    k: int,
    where: tuple[str, ...],
    mode: str | None,
    device: str,
    as_json: bool,
) -> None:
    """Recommend items for a HISTORY of item ids, oldest first.

    \b
    Example:
      molar recommend 1 260 1196 --bundle bundles/movielens-1m -k 5 --where genres=Comedy
    """
    from molar.engine import Recommender

    recommender = Recommender.load(bundle or showroom(), device)
    found = recommender.recommend(history, k, parse_where(where), mode)
    if as_json:
        click.echo(json.dumps([asdict(recommendation) for recommendation in found], indent=2))
        return
    for recommendation, item in zip(found, recommender.catalog.items([r.row for r in found]), strict=True):
        click.echo(f"{recommendation.score:9.3f}  {recommendation.item_id:<12} {item.title}")


def parse_where(pairs: tuple[str, ...]) -> dict[str, list[str]]:
    """["genres=Comedy", "genres=Drama"] -> {"genres": ["Comedy", "Drama"]}.

    Raises:
        RequestError: a pair has no "=".
    """
    where: dict[str, list[str]] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals:
            raise RequestError(f"--where {pair!r}: write it as NAME=VALUE, for example --where genres=Comedy")
        where.setdefault(name, []).append(value)
    return where


@click.group()
def bench() -> None:
    """Measure, and write what was measured."""


def _report(result: dict[str, Any], out: Path | None) -> None:
    text = json.dumps(result, indent=2) + "\n"
    if out:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(text)
    click.echo(text, nl=False)


@bench.command()
@_BUNDLE_OPTION
@click.option("--history", "length", type=_COUNT, default=50, show_default=True, help="Events in each history.")
@click.option("--calls", type=_COUNT, default=500, show_default=True, help="Timed calls.")
@DEVICE_OPTION
@click.option("--out", type=FOLDER, help="Also write the result here (JSON).")
def engine(bundle: Path | None, length: int, calls: int, device: str, out: Path | None) -> None:
    """Latency of one recommendation, from ids to ids, and seconds to import the engine.

    \b
    Example:
      molar bench engine --bundle bundles/movielens-1m --history 50
    """
    from molar.engine.benchmark import benchmark_engine

    _report(benchmark_engine(bundle or showroom(), length, calls, device), out)


@bench.command()
@click.option("--items", type=_COUNT, default=3416, show_default=True, help="Items in the catalogue.")
@click.option("--dim", type=_COUNT, default=128, show_default=True, help="Width of the vectors.")
@click.option("--events", type=_COUNT, default=25_600, show_default=True, help="Events in a batch.")
@click.option("--out", type=FOLDER, help="Also write the result here (JSON).")
def training(items: int, dim: int, events: int, out: Path | None) -> None:
    """What makes training quick beside torch's own: softmax over all items, dropout, memory allocator.

    \b
    Example:
      molar bench training --items 3416
    """
    from molar.train.benchmark import benchmark_training

    _report(benchmark_training(items, dim, events), out)


@click.command()
@_BUNDLE_OPTION
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=None, type=click.IntRange(1, 65_535), help="[default: $PORT, else 7860]")
@DEVICE_OPTION
def demo(bundle: Path | None, host: str, port: int | None, device: str) -> None:
    """Open the web demo on a bundle.

    \b
    Example:
      molar demo --bundle bundles/movielens-1m --port 8000
    """
    from molar.app.demo import serve

    serve(bundle or showroom(), host, port or _port_from_environment(), device)


def _port_from_environment() -> int:
    text = os.environ.get("PORT") or "7860"
    if not text.isdigit() or not 1 <= int(text) <= 65_535:
        raise RequestError(f"PORT is {text!r}; it must be a number from 1 to 65535")
    return int(text)
