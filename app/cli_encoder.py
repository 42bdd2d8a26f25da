"""`molar finetune`, `molar embed`. torch is imported inside the commands, so that --help is quick."""

import time
from pathlib import Path
from typing import Any

import click

from molar.app.options import COUNT, DEVICE_OPTION, FOLDER, config_options, given
from molar.engine.errors import ModelError
from molar.train.config import config_from, read_toml
from molar.train.finetune_config import END_TO_END, FinetuneConfig


@click.command()
@click.argument("dataset", type=FOLDER)
@click.option("--out", required=True, type=FOLDER, help="Encoder folder to make, or to continue.")
@click.option("--config", "config_file", type=FOLDER, help="TOML file with a table [finetune].")
@click.option("--resume", is_flag=True, help="Continue the encoder in --out with its own configuration.")
@click.option("--end-to-end", is_flag=True, help="The recommender's loss instead of the tasks; best with --start.")
@click.option("--shard", is_flag=True, help="With torchrun: divide the layers among the processes (FSDP2).")
@DEVICE_OPTION
@config_options(FinetuneConfig)
def finetune(
    dataset: Path,
    out: Path,
    config_file: Path | None,
    resume: bool,
    end_to_end: bool,
    shard: bool,
    device: str,
    **options: Any,
) -> None:
    """Fine-tune an item encoder on a dataset folder by the paper's three tasks, then end to end.

    Ctrl-C leaves an encoder that --resume continues, with as many processes as it is then started with.

    \b
    Example:
      molar finetune data/movielens-1m --out encoders/tasks
      molar finetune data/movielens-1m --end-to-end --start encoders/tasks --out encoders/movielens-1m
      torchrun --nproc-per-node 4 -m molar.app finetune data/movielens-1m --out encoders/tasks
    """
    changes = given(options)
    chosen = given({"end_to_end": end_to_end or None, **options})
    if resume and (chosen or config_file):
        named = ", ".join("--" + name.replace("_", "-") for name in chosen) or "--config"
        raise ModelError(f"--resume continues with the encoder's own configuration; leave out {named}")
    config = None
    if not resume:
        from_file = read_toml(config_file).get("finetune", {}) if config_file else {}
        going_on = END_TO_END if end_to_end else {}
        config = config_from({**from_file, **going_on, **changes}, str(config_file or "options"), FinetuneConfig)
    from molar.train.item_finetuning import finetune as fit

    try:
        fit(dataset, out, config, device, shard)
    except KeyboardInterrupt:
        click.echo(f"\nstopped; continue with: molar finetune {dataset} --out {out} --resume", err=True)
        raise SystemExit(130) from None
    click.echo(f"wrote {out}; next: molar train {dataset} --encoder {out} --out RUN")


@click.command()
@click.argument("dataset", type=FOLDER)
@click.option("--encoder", required=True, help="Folder of `molar finetune`, or a backbone: towers, compact, …")
@click.option("--view", type=click.Choice(["both", "text", "image"]), default="both", show_default=True)
@click.option("--text-tokens", type=int, default=256, show_default=True, help="Where a bare backbone cuts texts.")
@click.option("--out", type=FOLDER, help="Also write a Parquet file here: item_id, vector.")
@click.option("--on", "cluster", metavar="ADDRESS", help="Read on Ray: ray (here), auto, or ray://HOST:PORT.")
@click.option("--workers", type=COUNT, help="On Ray.  [default: one for each GPU, else for each CPU]")
@DEVICE_OPTION
def embed(
    dataset: Path,
    encoder: str,
    view: str,
    text_tokens: int,
    out: Path | None,
    cluster: str | None,
    workers: int | None,
    device: str,
) -> None:
    """Read every item of a dataset; what was read before comes from the cache.

    Ctrl-C loses nothing: the next call goes on. With --on, the folders of the dataset and the encoder must be there
    under the same paths on every machine of the cluster.

    \b
    Example:
      molar embed data/movielens-1m --encoder encoders/movielens-1m --out vectors.parquet
      molar embed data/movielens-1m --encoder encoders/movielens-1m --on ray://head:10001
    """
    import polars as pl
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from molar.train.dataset import load_dataset
    from molar.train.device import choose_device, keep_freed_memory
    from molar.train.encoders import load_encoder
    from molar.train.files import write_atomically
    from molar.train.item_embedding import embed_items

    keep_freed_memory()
    loaded = load_dataset(dataset)
    on = choose_device(device)
    model = None if cluster else load_encoder(encoder, text_tokens, on)
    throughput: dict[str, tuple[int, float]] = {}
    started, computed = time.perf_counter(), 0
    columns = (
        TextColumn("items"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[rate]}"),
    )
    with Progress(*columns) as bar:
        task = bar.add_task("items", total=None, rate="")

        def progress(done: int, total: int) -> None:
            nonlocal computed
            computed = total
            rate = f"{done / (time.perf_counter() - started):.1f} items/s" if done else ""
            bar.update(task, completed=done, total=total, rate=rate)

        try:
            if model:
                vectors = embed_items(loaded, model, on, progress, view)
            else:
                from molar.train.cluster_embedding import embed_on_ray

                vectors, throughput = embed_on_ray(loaded, encoder, text_tokens, str(cluster), workers, progress, view)
        except KeyboardInterrupt:
            click.echo("\nstopped; the same command goes on", err=True)
            raise SystemExit(130) from None
    seconds = time.perf_counter() - started
    if out:
        table = pl.DataFrame({"item_id": loaded.items["item_id"], "vector": vectors.numpy()})
        write_atomically(out, table.write_parquet)
    for worker, (items, busy) in throughput.items():
        click.echo(f"{worker}: {items:,} items, {items / busy:.1f} items/s")
    rate = f", {computed / seconds:.1f} items/s" if computed else ""
    click.echo(
        f"{len(vectors):,} items, {vectors.shape[1]} numbers each; {computed:,} read now{rate}, the rest from the cache"
    )
