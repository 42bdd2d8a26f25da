"""What a table keeps of a run: enough to compare it with others long after its folder is gone.

Dimensions: V users, E epochs.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from molar.engine.errors import ModelError
from molar.train.comparison import read_ranks
from molar.train.evaluate import column_name
from molar.train.files import write_atomically


@dataclass(frozen=True)
class MeasuredRun:
    """One run of one row.

    Attributes:
        model: the row.
        regime: "full" or "sparse".
        seed: of the run.
        dataset: fingerprint of what it was made of.
        settings: what it was made with, as JSON.
        encoder: version of the item encoder; "" where none was read.
        machine: that made it.
        training_seconds: of all epochs.
        coverage: share of the catalogue among everybody's first ten, seen items removed.
        popularity_bias: of the same lists, see `metrics.popularity_bias`.
        validation: (E,) NDCG@10 after each epoch; one number where nothing was trained.
        removed: (V,) ranks of the test part, users sorted by id, seen items removed.
        kept: (V,) the same with seen items kept.
    """

    model: str
    regime: str
    seed: int
    dataset: str
    settings: str
    encoder: str
    machine: str
    training_seconds: int
    coverage: float
    popularity_bias: float
    validation: np.ndarray
    removed: np.ndarray
    kept: np.ndarray

    @property
    def key(self) -> tuple[str, str, int]:
        """What no two runs of a table have in common."""
        return self.regime, self.model, self.seed

    def made_with(self) -> dict[str, Any]:
        """The settings, as they were given."""
        settings: dict[str, Any] = json.loads(self.settings)
        return settings


_LISTS = ("validation", "removed", "kept")


def measure(
    folder: Path, column: str, *, model: str, regime: str, seed: int, dataset: str, settings: Mapping[str, Any]
) -> MeasuredRun:
    """Read what `molar evaluate` and training left in a run folder.

    Args:
        folder: of the run.
        column: the model among those that its ranks hold.
        model: the row; the further arguments are those of `MeasuredRun`.
        regime: of the row.
        seed: of the run.
        dataset: fingerprint.
        settings: of the run.

    Raises:
        ModelError: the run is of another dataset.
    """
    evaluation = json.loads((folder / "evaluation.json").read_text())
    if evaluation.get("fingerprint") != dataset:
        raise ModelError(f"{folder}: is of another dataset; choose another --work or delete it")
    of_lists = next(
        row
        for row in evaluation["rows"]
        if column_name(row["model"]) == column and row["seen_removed"] and row["regime"] != "cold"
    )
    ranks = read_ranks(folder, column)
    return MeasuredRun(
        model,
        regime,
        seed,
        dataset,
        json.dumps(settings),
        evaluation.get("encoder", ""),
        evaluation["machine"],
        round(evaluation["training_seconds"]),
        of_lists["coverage@10"],
        of_lists["popularity_bias@10"],
        _validation(folder, evaluation),
        ranks["rank"].to_numpy(),
        ranks["rank_kept"].to_numpy(),
    )


def write_measured(runs: Sequence[MeasuredRun], out: Path) -> None:
    """One Parquet file, a line a run. No user's or item's id is in it."""
    columns: dict[str, Any] = {
        f.name: [getattr(run, f.name) for run in runs] for f in fields(MeasuredRun) if f.name not in _LISTS
    }
    for name in _LISTS:
        kind = pl.Float32 if name == "validation" else pl.Int32
        columns[name] = pl.Series([getattr(run, name).tolist() for run in runs], dtype=pl.List(kind))
    write_atomically(out, lambda path: pl.DataFrame(columns).write_parquet(path, compression_level=19))


def read_measured(path: Path) -> list[MeasuredRun]:
    """What `write_measured` wrote; nothing if there is no such file.

    Raises:
        ModelError: it is another file.
    """
    if not path.exists():
        return []
    try:
        lines = pl.read_parquet(path).to_dicts()
        return [MeasuredRun(**{**line, **{name: np.array(line[name]) for name in _LISTS}}) for line in lines]
    except (pl.exceptions.PolarsError, TypeError, KeyError) as error:
        raise ModelError(f"{path}: not a table's runs ({error}); choose another --out or delete it") from None


def _validation(folder: Path, evaluation: Mapping[str, Any]) -> np.ndarray:
    if "validation_ndcg@10" in evaluation:
        return np.array([evaluation["validation_ndcg@10"]], dtype=np.float32)
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    mode = next(mode for mode in ("aligned", "content", "ids") if f"{mode}_ndcg@10" in lines[0])
    return np.array([line[f"{mode}_ndcg@10"] for line in lines], dtype=np.float32)
