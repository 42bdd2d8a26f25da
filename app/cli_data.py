"""`molar data`: look at a dataset folder; cli_import.py makes one from another format."""

import json
from dataclasses import asdict
from pathlib import Path

import click
from rich.console import Console

from molar.app.cli_import import download, import_group


@click.group()
def data() -> None:
    """Check a dataset folder, or import one."""


@data.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
@click.option("--pictures/--no-pictures", default=True, help="Decode every picture as well.  [default: pictures]")
def check(folder: Path, as_json: bool, pictures: bool) -> None:
    """List everything that is wrong with a dataset folder; exit code 2 if anything is.

    \b
    Example:
      molar data check data/movielens-1m
    """
    from molar.train.dataset_check import check as check_folder

    report = check_folder(folder, pictures)
    if as_json:
        click.echo(json.dumps(asdict(report), indent=2))
    else:
        console = Console(highlight=False, soft_wrap=True)
        console.print(
            f"{report.items:,} items, {report.users:,} users, {report.interactions:,} interactions in {report.folder}",
            markup=False,
        )
        if report.items:
            for label, count in (
                ("a picture", report.with_picture),
                ("a description", report.with_description),
                ("interactions", report.with_interactions),
            ):
                console.print(f"  {count / report.items:6.1%} of items have {label}", markup=False)
        for warning in report.warnings:
            console.print(f"note: {warning}", markup=False)
        for error in report.errors:
            console.print(f"error: {error}", markup=False)
        if not report.errors:
            console.print("ready to train")
    if report.errors:
        raise SystemExit(2)


data.add_command(import_group)
data.add_command(download)
