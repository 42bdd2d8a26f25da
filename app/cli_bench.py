"""`molar bench`: measure, and write what was measured."""

from pathlib import Path

import click

from molar.app.cli_bench_engine import demo_visitors, engine, killed, latency, search_index, service, stress
from molar.app.cli_import import import_benchmark
from molar.app.options import COUNT, DEVICE_OPTION, FOLDER, report
from molar.train.config import PRESETS, TrainConfig, config_from, read_toml


@click.group()
def bench() -> None:
    """Measure, and write what was measured."""


for command in (latency, engine, search_index, stress, demo_visitors, service, killed, import_benchmark):
    bench.add_command(command)


@bench.command()
@click.option("--items", type=COUNT, default=3416, show_default=True, help="Items in the catalogue.")
@click.option("--dim", type=COUNT, default=128, show_default=True, help="Width of the vectors.")
@click.option("--events", type=COUNT, default=25_600, show_default=True, help="Events in a batch.")
@click.option("--length", type=COUNT, default=100, show_default=True, help="Events in a history.")
@click.option("--dataset", type=FOLDER, help="Also count SASRec's events a second on these histories.")
@click.option("--steps", type=COUNT, default=10, show_default=True, help="Timed steps of that.")
@click.option("--out", type=FOLDER, help="Also write the result here (JSON).")
def training(
    items: int, dim: int, events: int, length: int, dataset: Path | None, steps: int, out: Path | None
) -> None:
    """What makes training quick beside torch's own: softmax over all items, dropout, attention, memory allocator.

    With a dataset, SASRec's events a second too, beside a plain padded SASRec.

    \b
    Example:
      molar bench training --items 3416
    """
    from molar.train.benchmark import benchmark_training
    from molar.train.dataset import load_dataset
    from molar.train.device import choose_device
    from molar.train.speed_benchmark import benchmark_events

    result = benchmark_training(items, dim, events, length)
    if dataset:
        config = TrainConfig(dim=dim, batch_events=events)
        found = benchmark_events(load_dataset(dataset), config, steps, choose_device("auto"))
        result["sasrec"] = {"dataset": dataset.name, **found}
    report(result, out)


@bench.command()
@click.option("--items", "sizes", type=COUNT, multiple=True, default=(10_000, 100_000, 1_000_000), show_default=True)
@click.option("--features", type=COUNT, default=1664, show_default=True, help="Numbers that are known of each item.")
@click.option("--steps", type=COUNT, default=10, show_default=True, help="Timed steps.")
@click.option("--whole-up-to", type=COUNT, default=100_000, show_default=True, help="Larger ones by rows only.")
@DEVICE_OPTION
@click.option("--out", type=FOLDER, help="Also write the result here (JSON).")
def catalogue(
    sizes: tuple[int, ...], features: int, steps: int, whole_up_to: int, device: str, out: Path | None
) -> None:
    """Time and memory of a training step by the size of the catalogue, with each of --item-tables.

    \b
    Example:
      molar bench catalogue --items 100000 --items 1000000
    """
    from molar.train.catalogue_benchmark import benchmark_catalogue

    report(benchmark_catalogue(sizes, features, steps, whole_up_to, device), out)


@bench.command()
@click.argument("dataset", type=FOLDER)
@click.option("--encoder", "encoders", multiple=True, required=True, help="Folder of `molar finetune`; repeatable.")
@click.option("--attribute", default="genres", show_default=True, help="What neighbours should have in common.")
@click.option("--photos", type=FOLDER, help="Folder with items.csv: category, split, image.")
@click.option("--text-tokens", type=COUNT, default=128, show_default=True, help="Where bare backbones cut texts.")
@DEVICE_OPTION
@click.option("--out", type=FOLDER, help="Also write the result here (JSON).")
def encoder(
    dataset: Path,
    encoders: tuple[str, ...],
    attribute: str,
    photos: Path | None,
    text_tokens: int,
    device: str,
    out: Path | None,
) -> None:
    """Item vectors by themselves, before and after fine-tuning: retrieval, neighbours, photographs, speed.

    \b
    Example:
      molar bench encoder data/movielens-1m --encoder encoders/movielens-1m
    """
    from molar.train.dataset import load_dataset
    from molar.train.device import choose_device, keep_freed_memory, machine
    from molar.train.item_benchmark import benchmark_encoder

    keep_freed_memory()
    rows = benchmark_encoder(
        load_dataset(dataset),
        encoders,
        attribute,
        photos,
        text_tokens,
        choose_device(device),
        lambda what: click.echo(f"{what} ...", err=True),
    )
    report({"dataset": dataset.name, "machine": machine(), "rows": rows}, out)


@bench.command()
@click.argument("run", type=FOLDER)
@click.option("--dataset", type=FOLDER, help="Where the dataset is now, if it was moved since training.")
@click.option("--items", type=COUNT, default=1000, show_default=True, help="Real items whose neighbours are compared.")
@click.option("--text-tokens", type=COUNT, default=100, show_default=True, help="Tokens of the text that is timed.")
@click.option("--out", type=FOLDER, help="Also write the result here (JSON).")
def export(run: Path, dataset: Path | None, items: int, text_tokens: int, out: Path | None) -> None:
    """The item encoder of a run as ONNX: size, time and neighbours kept in each precision, beside torch.

    \b
    Example:
      molar bench export runs/movielens-1m
    """
    from molar.export.item_benchmark import benchmark_item_encoder

    report(benchmark_item_encoder(run, dataset, items, text_tokens), out)


@bench.command()
@click.argument("dataset", type=FOLDER)
@click.option("--work", required=True, type=FOLDER, help="Where runs are kept; it can be continued.")
@click.option("--preset", "preset_name", type=click.Choice(list(PRESETS)), default="base", show_default=True)
@click.option(
    "--config",
    "config_file",
    type=FOLDER,
    help="TOML file on top of the preset, such as assets/benchmarks/accuracy-small.toml.",
)
@click.option("--model", "models", multiple=True, help="Row of the table, such as Molar or SASRec; repeatable.")
@click.option("--regime", "regimes", multiple=True, help="full, or sparse: everybody's last ten events; repeatable.")
@click.option("--seeds", type=COUNT, default=1, show_default=True, help="Runs a row; a user's metrics are their means.")
@click.option("--jobs", type=COUNT, default=1, show_default=True, help="Runs at a time; a GPU has room for several.")
@DEVICE_OPTION
@click.option(
    "--out",
    type=FOLDER,
    help="Also write the result here (JSON), beside it as tables (Markdown) and everybody's ranks (Parquet); runs that "
    "lie there are not made again, and stay in the table.",
)
@click.option("--plots", type=FOLDER, help="Folder for pictures of the result (PNG).")
def accuracy(
    dataset: Path,
    work: Path,
    preset_name: str,
    config_file: Path | None,
    models: tuple[str, ...],
    regimes: tuple[str, ...],
    seeds: int,
    jobs: int,
    device: str,
    out: Path | None,
    plots: Path | None,
) -> None:
    """Molar, its baselines and its ablations, each trained and tested by the same code, with intervals.

    \b
    Example:
      molar bench accuracy data/movielens-1m --work accuracy --model SASRec --model Molar
    """
    from molar.train.accuracy_benchmark import MODELS, benchmark_accuracy
    from molar.train.accuracy_config import REGIMES, read_choices
    from molar.train.accuracy_table import markdown
    from molar.train.files import write_text
    from molar.train.measured_runs import read_measured, write_measured

    ranks = out.with_name(f"{out.stem}-ranks.parquet") if out else None
    table, runs = benchmark_accuracy(
        dataset,
        work,
        read_choices(preset_name, config_file, list(MODELS)),
        models,
        regimes or REGIMES,
        seeds,
        device,
        lambda what: click.echo(f"{what} ...", err=True),
        read_measured(ranks) if ranks else (),
        jobs,
    )
    report(table, out)
    if out and ranks:
        write_measured(runs, ranks)
        write_text(out.with_suffix(".md"), "\n".join(markdown(table, regime) for regime in REGIMES))
    if plots:
        from molar.train.plots import draw_learning_curves, draw_recall

        for regime in regimes or REGIMES:
            draw_recall(table["rows"], regime, plots / f"recall-{regime}.png")
            draw_learning_curves(runs, regime, plots / f"learning-{regime}.png")


@bench.command()
@click.argument("dataset", type=FOLDER)
@click.option("--work", required=True, type=FOLDER, help="Where encoders and runs are kept; it can be continued.")
@click.option("--config", "config_file", type=FOLDER, help="TOML file with the tables [finetune] and [train].")
@click.option("--only", multiple=True, help="Name of a row; repeatable. The frozen towers are always there.")
@click.option("--seeds", type=COUNT, default=1, show_default=True, help="Runs a row; a user's metrics are their means.")
@DEVICE_OPTION
@click.option("--out", type=FOLDER, help="Also write the result here (JSON).")
def content(
    dataset: Path,
    work: Path,
    config_file: Path | None,
    only: tuple[str, ...],
    seeds: int,
    device: str,
    out: Path | None,
) -> None:
    """What the picture, the text and each fine-tuning task are worth: content-only runs that differ in one thing.

    \b
    Example:
      molar bench content data/movielens-1m --work ablation --config assets/benchmarks/item-encoder.toml
    """
    from molar.train.ablation import run_ablation
    from molar.train.finetune_config import FinetuneConfig

    tables = read_toml(config_file) if config_file else {}
    result = run_ablation(
        dataset,
        work,
        config_from(tables.get("finetune", {}), str(config_file), FinetuneConfig),
        config_from(tables.get("train", {}), str(config_file), TrainConfig),
        only,
        seeds,
        device,
        lambda what: click.echo(f"{what} ...", err=True),
    )
    report(result, out)
