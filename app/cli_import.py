"""`molar data import` and `molar data download`: datasets from the files that their publishers give out."""

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import click

from molar.app.options import COUNT, report
from molar.engine.errors import RequestError

_PATH = click.Path(path_type=Path)
_OUT = click.option("--out", required=True, type=_PATH, help="Dataset folder to make.")
_PICTURES = click.option("--pictures", type=_PATH, help="Folder of pictures named by item id (1.jpg).")


@click.group(name="import")
def import_group() -> None:
    """Turn another format into a dataset folder."""


def _selected(minimum_events: int) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Options that say which events are kept; the command returns a source, which is then imported."""

    def decorate(read: Callable[..., Any]) -> Callable[..., Any]:
        @click.option("--core", type=click.IntRange(1), help="Sets the two options below to the same number.")
        @click.option(
            "--minimum-events", default=minimum_events, show_default=True, help="Leave out items with fewer events."
        )
        @click.option("--minimum-history", default=1, show_default=True, help="Leave out people with fewer events.")
        @click.option("--maximum-items", default=0, help="Keep only so many items, those with the most events.")
        @_OUT
        @wraps(read)
        def command(
            out: Path, core: int | None, minimum_events: int, minimum_history: int, maximum_items: int, **given: Any
        ) -> None:
            from molar.train.importers.dataset_folder import import_source
            from molar.train.importers.selection import Selection

            selection = Selection(core or minimum_history, core or minimum_events, maximum_items)
            report = import_source(read(**given), out, selection)
            click.echo(
                f"wrote {out}: {report.items:,} items, {report.users:,} users, {report.interactions:,} interactions, "
                f"{report.pictures:,} pictures"
            )
            for what, dropped in (("items", report.dropped_items), ("events", report.dropped_events)):
                for why, count in dropped.items():
                    click.echo(f"dropped: {count:,} {what} {why}")
            if report.addresses:
                click.echo(f"next: molar data download {out} fetches {report.addresses:,} pictures")
            else:
                click.echo(f"next: molar data check {out}")

        return command

    return decorate


@import_group.command()
@click.argument("source", type=_PATH)
@click.option("--posters", type=_PATH, help="Folder of pictures named by MovieLens id (1.jpg).")
@click.option("--plots", type=_PATH, help="CSV with item_id, description, further attributes.")
@_selected(minimum_events=5)
def movielens(source: Path, posters: Path | None, plots: Path | None) -> Any:
    """GroupLens' MovieLens: 100K, 1M, 10M, 20M, 25M, 32M.

    \b
    Example:
      molar data import movielens ml-1m --out data/movielens-1m --posters posters --plots plots.csv
    """
    from molar.train.importers.movielens import read_movielens

    return read_movielens(source, posters, plots)


@import_group.command()
@click.argument("source", type=_PATH)
@_selected(minimum_events=5)
def amazon(source: Path) -> Any:
    """Amazon Reviews 2023: meta_CATEGORY.jsonl and CATEGORY.jsonl of one category, also gzipped.

    \b
    Example:
      molar data import amazon All_Beauty --out data/beauty --core 5
    """
    from molar.train.importers.amazon import read_amazon

    return read_amazon(source)


@import_group.command()
@click.argument("interactions", type=_PATH)
@click.argument("information", type=_PATH)
@click.option("--covers", type=_PATH, help="Folder of covers named by item (i12.jpg).")
@_selected(minimum_events=5)
def pixelrec(interactions: Path, information: Path, covers: Path | None) -> Any:
    """PixelRec: the interactions and the item information of one size.

    \b
    Example:
      molar data import pixelrec interaction/Pixel200K.csv information/Pixel200K.csv --covers cover --out data/pixel
    """
    from molar.train.importers.videos import read_pixelrec

    return read_pixelrec(interactions, information, covers)


@import_group.command()
@click.argument("source", type=_PATH)
@_selected(minimum_events=5)
def microlens(source: Path) -> Any:
    """MicroLens: *_pairs.csv, *_titles.csv and *_covers of one size.

    \b
    Example:
      molar data import microlens MicroLens-50k --out data/microlens
    """
    from molar.train.importers.videos import read_microlens

    return read_microlens(source)


@import_group.command()
@click.argument("source", type=_PATH)
@_selected(minimum_events=5)
def hm(source: Path) -> Any:
    """H&M: articles.csv, transactions_train.csv and images.

    \b
    Example:
      molar data import hm h-and-m --out data/hm --core 5
    """
    from molar.train.importers.hm import read_hm

    return read_hm(source)


@import_group.command()
@click.argument("source", type=_PATH)
@_PICTURES
@_selected(minimum_events=5)
def recbole(source: Path, pictures: Path | None) -> Any:
    """RecBole's atomic files: NAME.inter and NAME.item.

    \b
    Example:
      molar data import recbole ml-100k --out data/ml-100k
    """
    from molar.train.importers.recbole import read_recbole

    return read_recbole(source, pictures)


@import_group.command()
@click.argument("events", type=_PATH)
@click.option("--user", default="user_id", show_default=True, help="Column with the person.")
@click.option("--item", default="item_id", show_default=True, help="Column with the item.")
@click.option("--time", default="timestamp", show_default=True, help="Column with a date and time, or a number.")
@click.option("--items", type=_PATH, help="Table of items; otherwise items have only their ids.")
@click.option(
    "--column", "columns", multiple=True, metavar="NAME=COLUMN", help="Of --items: item_id, title, description, image."
)
@_PICTURES
@_selected(minimum_events=1)
def table(
    events: Path,
    user: str,
    item: str,
    time: str,
    items: Path | None,
    columns: tuple[str, ...],
    pictures: Path | None,
) -> Any:
    """Any table of events and, if there is one, of items: CSV, TSV, Parquet or JSON lines.

    \b
    Example:
      molar data import table events.parquet --user customer --item sku --time ts --items articles.csv \\
        --column item_id=sku --column title=name --out data/shop
    """
    from molar.train.importers.table import read_tables

    named = {}
    for entry in columns:
        name, equals, column = entry.partition("=")
        if not equals or name not in ("item_id", "title", "description", "image"):
            raise RequestError(f"--column {entry!r}: write NAME=COLUMN; NAME is item_id, title, description or image")
        named[name] = column
    return read_tables(events, user, item, time, items, named, pictures)


@click.command()
@click.argument("folder", type=_PATH)
@click.option("--workers", default=16, show_default=True, type=click.IntRange(1, 256), help="Downloads at once.")
@click.option("--per-second", default=20.0, show_default=True, help="Requests a second to one host.")
@click.option("--largest", default=10.0, show_default=True, help="MB of a picture; larger ones are left out.")
def download(folder: Path, workers: int, per_second: float, largest: float) -> None:
    """Fetch the pictures whose addresses an imported dataset names; goes on where it stopped.

    \b
    Example:
      molar data download data/beauty
    """
    from rich.progress import Progress

    from molar.train.importers.download import Manners, download_pictures

    if per_second <= 0 or largest <= 0:
        raise RequestError("--per-second and --largest must be more than 0")
    with Progress(transient=True) as progress:
        task = progress.add_task("pictures", total=None)

        def each(done: int, of: int) -> None:
            progress.update(task, completed=done, total=of)

        found = download_pictures(folder, Manners(workers, per_second, int(largest * 1e6)), each)
    for what, count in found.items():
        click.echo(f"{count:,} {what}")
    click.echo(f"next: molar data check {folder}")


@click.command("import")
@click.option("--form", type=click.Choice(["amazon", "hm"]), default="amazon", show_default=True)
@click.option("--events", type=COUNT, default=1_000_000, show_default=True, help="That are generated.")
@click.option("--items", type=COUNT, default=100_000, show_default=True, help="Of the catalogue.")
@click.option("--out", type=_PATH, help="Also write the result here (JSON).")
def import_benchmark(form: str, events: int, items: int, out: Path | None) -> None:
    """Seconds and memory of an import, on generated files in a publisher's form.

    \b
    Example:
      molar bench import --form hm --events 200000 --items 20000
    """
    from molar.train.importers.benchmark import benchmark_import

    report(benchmark_import(form, events, items), out)
