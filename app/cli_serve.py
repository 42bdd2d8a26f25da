"""`molar recommend`, `molar demo`, `molar serve`: what needs a bundle only."""

import json
import os
from importlib import resources
from pathlib import Path

import click

from molar.app.options import DEVICE_OPTION, FOLDER, PRECISION_OPTION
from molar.engine.errors import RequestError

BUNDLE_OPTION = click.option(
    "--bundle", type=FOLDER, help="Made by `molar export`; the embedded showroom if not given."
)
INDEX_OPTION = click.option(
    "--index", metavar="ADDRESS", help="Search here, where `molar index push` has put the items, and not in the graph."
)


def showroom() -> Path:
    """The embedded bundle."""
    return Path(str(resources.files("molar.assets") / "showroom"))


@click.command()
@click.argument("history", nargs=-1, required=True)
@BUNDLE_OPTION
@click.option("-k", default=10, show_default=True, help="How many.")
@click.option("--where", multiple=True, metavar="NAME=VALUE", help="Keep items with this attribute; repeatable.")
@click.option("--mode", help="aligned, content or ids.  [default: the bundle's first]")
@DEVICE_OPTION
@PRECISION_OPTION
@INDEX_OPTION
@click.option("--json", "as_json", is_flag=True, help="Print the list as JSON.")
def recommend(
    history: tuple[str, ...],
    bundle: Path | None,
    k: int,
    where: tuple[str, ...],
    mode: str | None,
    device: str,
    precision: str,
    index: str | None,
    as_json: bool,
) -> None:
    """Recommend items for a HISTORY of item ids, oldest first.

    \b
    Example:
      molar recommend 1 260 1196 --bundle bundles/movielens-1m -k 5 --where genres=Comedy
    """
    from molar.engine import Recommender

    recommender = Recommender.load(bundle or showroom(), device, precision, index=index)
    found = recommender.recommend(history, k, parse_where(where), mode)
    if as_json:
        click.echo(json.dumps([recommendation._asdict() for recommendation in found], indent=2))
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


@click.command()
@BUNDLE_OPTION
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=None, type=click.IntRange(1, 65_535), help="[default: $PORT, else 7860]")
@click.option("--auth", envvar="MOLAR_AUTH", metavar="USER:PASSWORD", help="Ask for a user and a password.")
@click.option("--mcp", is_flag=True, help="Serve the functions for programs over MCP too.")
@click.option("--share", is_flag=True, help="Open a public address through Gradio's tunnel.")
@click.option(
    "--keep",
    default=30.0,
    show_default=True,
    type=click.FloatRange(0, min_open=True),
    metavar="MINUTES",
    help="That a visit stays in memory after its last click, once its page is closed.",
)
@DEVICE_OPTION
def demo(
    bundle: Path | None,
    host: str,
    port: int | None,
    auth: str | None,
    mcp: bool,
    share: bool,
    keep: float,
    device: str,
) -> None:
    """Open the web demo on a bundle.

    \b
    Example:
      molar demo --bundle bundles/movielens-1m --port 8000
    """
    from molar.app.demo import serve
    from molar.app.guards import user_and_password

    known = user_and_password(auth) if auth else None
    serve(bundle or showroom(), host, port or _port_from_environment(), device, known, mcp, share, keep)


@click.command()
@BUNDLE_OPTION
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=None, type=click.IntRange(1, 65_535), help="[default: $PORT, else 7860]")
@click.option("--key", "keys", multiple=True, envvar="MOLAR_KEYS", help="That requests need; repeatable.")
@click.option("--at-once", default=256, show_default=True, type=click.IntRange(1), help="Requests; more are refused.")
@click.option("--wait-ms", default=0.0, show_default=True, help="For more requests to share a run of the graph.")
@click.option(
    "--changes", type=FOLDER, metavar="FILE", help="Keep added, removed and hidden items here, over a restart."
)
@click.option("--on", "cluster", metavar="ADDRESS", help="Serve on Ray: ray (here), auto, or ray://HOST:PORT.")
@click.option("--replicas", default=2, show_default=True, type=click.IntRange(1), help="On Ray.")
@DEVICE_OPTION
@PRECISION_OPTION
@INDEX_OPTION
def serve(
    bundle: Path | None,
    host: str,
    port: int | None,
    keys: tuple[str, ...],
    at_once: int,
    wait_ms: float,
    changes: Path | None,
    cluster: str | None,
    replicas: int,
    device: str,
    precision: str,
    index: str | None,
) -> None:
    """Serve a bundle over HTTP: /v1/recommend, /v1/explain, /v1/items; /docs describes them.

    POST /v1/reload, or the signal HUP, opens the bundle's folder again without a failed request. With --on, Ray Serve
    answers with several replicas; only the signal is there then, and nothing that changes the catalogue.

    \b
    Example:
      molar serve --bundle bundles/movielens-1m --port 8000
    """
    from molar.engine import Recommender

    def opened(folder: Path) -> Recommender:
        return Recommender.load(folder, device, precision, index=index)

    folder, port = bundle or showroom(), port or _port_from_environment()
    if cluster:
        if changes:
            raise RequestError("--changes: replicas on Ray do not change their catalogue; leave out --changes or --on")
        from molar.app.cluster_serving import serve_on_ray

        options = {"keys": keys, "at_once": at_once, "wait_ms": wait_ms}
        serve_on_ray(folder.resolve(), opened, cluster, replicas, host, port, options)
    else:
        from molar.app.serving import serve_bundle

        serve_bundle(folder, opened, host, port, keys, at_once, wait_ms, changes)


def _port_from_environment() -> int:
    text = os.environ.get("PORT") or "7860"
    if not text.isdigit() or not 1 <= int(text) <= 65_535:
        raise RequestError(f"PORT is {text!r}; it must be a number from 1 to 65535")
    return int(text)
