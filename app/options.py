"""Configuration dataclasses as click options: one option a field."""

import json
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import click

FOLDER = click.Path(path_type=Path)
COUNT = click.IntRange(min=1)
DEVICE_OPTION = click.option("--device", type=click.Choice(["auto", "cuda", "cpu"]), default="auto", show_default=True)
DATASET_OPTION = click.option(
    "--dataset", type=FOLDER, help="Where the dataset is now, if it was moved since training."
)
PRECISION_OPTION = click.option(
    "--precision",
    type=click.Choice(["auto", "fp32", "fp16", "int8"]),
    default="auto",
    show_default=True,
    help="Of the item tables.",
)


def config_options(config: type) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """A decorator that adds an option for every field of a configuration dataclass.

    An option that is not given arrives as None, so that a preset or a file can decide.

    Args:
        config: a dataclass whose fields carry `help`, and maybe `choices`, in their metadata.
    """

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        for f in reversed(fields(config)):
            flag = "--" + f.name.replace("_", "-")
            help_text = f"{f.metadata['help']}  [default: {f.default}]" if f.default != "" else f.metadata["help"]
            kind: Any = click.Choice(f.metadata["choices"]) if "choices" in f.metadata else f.type
            if f.type is bool:
                command = click.option(f"{flag}/--no-{flag[2:]}", default=None, help=help_text)(command)
            else:
                command = click.option(flag, type=kind, default=None, help=help_text)(command)
        return command

    return decorate


def given(values: dict[str, Any]) -> dict[str, Any]:
    """Only the options that were given."""
    return {name: value for name, value in values.items() if value is not None}


def report(result: dict[str, Any], out: Path | None) -> None:
    """Print a result as JSON, and write it to a file if one is given."""
    if out:
        write(result, out)
    click.echo(json.dumps(result, indent=2))


def write(result: dict[str, Any], out: Path) -> None:
    """Write a result to a file, as JSON."""
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
