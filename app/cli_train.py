"""`molar train`, `molar evaluate`. torch is imported inside the commands, so that --help is quick."""

import json
from pathlib import Path
from typing import Any

import click
from rich import box
from rich.console import Console
from rich.table import Table

from molar.app.options import DATASET_OPTION, DEVICE_OPTION, FOLDER, config_options, given
from molar.engine.errors import ModelError
from molar.train.config import PRESETS, TrainConfig, chosen_config


@click.command()
@click.argument("dataset", type=FOLDER)
@click.option("--out", required=True, type=FOLDER, help="Run folder to make, or to continue.")
@click.option("--preset", "preset_name", type=click.Choice(list(PRESETS)), default="base", show_default=True)
@click.option("--config", "config_file", type=FOLDER, help="TOML file with a table [train], on top of the preset.")
@click.option("--resume", is_flag=True, help="Continue the run in --out with its own configuration.")
@click.option(
    "--id-run",
    type=FOLDER,
    help="Run of an ID model alone (--no-content) to align Molar with, instead of training it first.",
)
@DEVICE_OPTION
@config_options(TrainConfig)
def train(
    dataset: Path,
    out: Path,
    preset_name: str,
    config_file: Path | None,
    resume: bool,
    id_run: Path | None,
    device: str,
    **options: Any,
) -> None:
    """Train Molar on a dataset folder: first its ID model, then the content side that is aligned with it.

    Ctrl-C leaves a run that --resume continues to the same result.

    \b
    Example:
      molar train data/movielens-1m --out runs/movielens-1m
    """
    changes = given(options)
    if resume and (changes or config_file or id_run):
        named = ", ".join("--" + name.replace("_", "-") for name in changes) or ("--id-run" if id_run else "--config")
        raise ModelError(f"--resume continues with the run's own configuration; leave out {named}")
    config = None
    if not resume:
        config = chosen_config(preset_name, config_file, changes)
    from molar.train.fit import train as fit

    try:
        progress = fit(dataset, out, config, device, id_run)
    except KeyboardInterrupt:
        click.echo(f"\nstopped; continue with: molar train {dataset} --out {out} --resume", err=True)
        raise SystemExit(130) from None
    click.echo(
        f"best epoch {progress.best_epoch} of {progress.epoch}, validation NDCG@10 {progress.best_ndcg:.4f}; "
        f"next: molar evaluate {out}"
    )


@click.command()
@click.argument("run", type=FOLDER)
@DATASET_OPTION
@click.option("--part", type=click.Choice(["test", "validation"]), default="test", show_default=True)
@click.option("--report", type=FOLDER, help="Also write the result here (JSON), and the ranks beside it (Parquet).")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@DEVICE_OPTION
def evaluate(run: Path, dataset: Path | None, part: str, report: Path | None, as_json: bool, device: str) -> None:
    """Full ranking of every user's target; writes evaluation.json and ranks.parquet into the run.

    \b
    Example:
      molar evaluate runs/movielens-1m
    """
    from molar.train.evaluate import evaluate as evaluate_run
    from molar.train.evaluate import write_report

    result = evaluate_run(run, dataset, part, device)
    if report:
        write_report(run, report)
    if as_json:
        click.echo(json.dumps(result, indent=2))
        return
    columns = {"R@5": "recall@5", "R@10": "recall@10", "R@20": "recall@20", "R@50": "recall@50"}
    columns |= {"NDCG@10": "ndcg@10", "MRR@10": "mrr@10", "coverage@10": "coverage@10"}
    console = Console(highlight=False)
    for seen_removed in (True, False):
        kept = "seen items removed (headline)" if seen_removed else "seen items kept"
        table = Table(
            box=box.SIMPLE,
            padding=(0, 0, 0, 1),
            title=f"{part}: {result['users']:,} users, {result['items']:,} items, {kept}",
        )
        table.add_column("model", no_wrap=True)
        for column in columns if seen_removed else list(columns)[:-1]:
            table.add_column(column, justify="right")
        for row in result["rows"]:
            if row["seen_removed"] == seen_removed and row["regime"] != "cold":
                table.add_row(row["model"], *(f"{row[name]:.4f}" for name in columns.values() if name in row))
        console.print(table)
    for row in result["rows"]:
        if row["regime"] == "cold":
            console.print(
                f"cold start, {row['events']:,} events, one of {row['candidates']:,} withheld items: "
                f"{row['model']} R@10 {row['recall@10']:.4f}"
            )


@click.command()
@click.argument("runs", nargs=-1, required=True, type=FOLDER)
@click.option("--model", default="content_only", show_default=True, help="content_only, sasrec, molar or popularity.")
@click.option("--out", type=FOLDER, help="Also write the result here (JSON).")
def compare(runs: tuple[Path, ...], model: str, out: Path | None) -> None:
    """Compare evaluated runs with the first of them: differences, 95% intervals and p by a paired bootstrap over users.

    \b
    Example:
      molar compare runs/towers runs/movielens-1m --model content_only
    """
    from molar.train.comparison import compare_runs

    text = json.dumps({"rows": compare_runs([[run] for run in runs], model)}, indent=2) + "\n"
    if out:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(text)
    click.echo(text, nl=False)
