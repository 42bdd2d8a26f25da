"""Series of runs behind a table: each is made once, and a series that was stopped goes on."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from molar.engine.errors import ModelError
from molar.train.config import TrainConfig
from molar.train.evaluate import evaluate
from molar.train.fit import train
from molar.train.run import read_config

Say = Callable[[str], None]


def runs_of_seeds(folder: Path, name: str, config: TrainConfig, seeds: int) -> Iterator[tuple[Path, TrainConfig]]:
    """Run folders of one row, each with a seed of its own; the first has the configuration's."""
    for seed in range(seeds):
        yield seed_folder(folder, name, seed), replace(config, seed=config.seed + seed)


def seed_folder(folder: Path, name: str, seed: int) -> Path:
    """Where the run of a row with this seed is."""
    return folder / (slug(name) + (f"-{seed}" if seed else ""))


def evaluated_run(
    dataset: Path, out: Path, config: TrainConfig, device: str, say: Say, id_run: Path | None = None
) -> Path:
    """A run folder with this configuration, trained (as `fit.train` does) and evaluated on the test part, if it is not
    there yet.

    Raises:
        ModelError: the folder holds a run of another configuration.
        DatasetError: the dataset cannot be used.
    """
    if begun := out.exists():
        refuse_another(config, read_config(out)[0], out)
    if not (out / "evaluation.json").exists():
        say(f"run {out.name}")
        train(dataset, out, None if begun else config, device, id_run)
        evaluate(out)
    return out


def refuse_another(wanted: Any, found: Any, out: Path) -> None:
    """Compare a configuration with the one that a folder was begun with.

    Raises:
        ModelError: they differ.
    """
    if found != wanted:
        raise ModelError(f"{out}: was made with another configuration; choose another --work or delete it")


def slug(name: str) -> str:
    """A row's name as that of a folder."""
    return "-".join("".join(c if c.isalnum() else " " for c in name.lower()).split())
