"""`molar index`: a bundle's items in Qdrant or Milvus."""

from pathlib import Path

import click

from molar.app.cli_serve import BUNDLE_OPTION, showroom


@click.group()
def index() -> None:
    """Search a bundle's items beyond this machine: Qdrant, Milvus."""


@index.command("push")
@click.argument("address")
@BUNDLE_OPTION
def push(address: str, bundle: Path | None) -> None:
    """Put a bundle's items into a collection of their own at ADDRESS.

    qdrant://HOST:PORT, milvus://HOST:PORT (qdrant+https, milvus+https with TLS), or qdrant:///FOLDER and milvus:///FILE.db
    for trials. Keys are read from QDRANT_API_KEY and MILVUS_TOKEN. `--index ADDRESS` of `molar recommend` and
    `molar serve` then searches there.

    \b
    Example:
      molar index push qdrant://localhost:6333 --bundle bundles/movielens-1m
    """
    from molar.engine.index import push as push_items

    folder = bundle or showroom()
    with click.progressbar(length=1, label="items") as bar:

        def say(done: int, total: int) -> None:
            bar.length = total
            bar.update(done - bar.pos)

        there = push_items(folder, address, say)
    click.echo(f"{address}: {there} items of {folder}")
