"""`molar evaluate`: the test table of a run, written beside it.

The headline is full ranking with seen items removed: an item of the user's own history is not recommended again.
"""

import json
import shutil
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch

from molar.engine.errors import DatasetError
from molar.train import run as runs
from molar.train.cold_start import cold_rows
from molar.train.config import TrainConfig
from molar.train.dataset import Dataset, dataset_fingerprint, load_dataset
from molar.train.device import choose_device, keep_freed_memory, machine
from molar.train.files import write_atomically, write_json
from molar.train.id_models import ID_MODEL_NAMES
from molar.train.item_knn import item_knn_ranks
from molar.train.metrics import coverage, popularity_bias, ranking_metrics
from molar.train.model import ItemVectors
from molar.train.model_files import read_tensors
from molar.train.ranking import Ranks, mode_queries, rank_targets
from molar.train.regime import regime_name, seen_by_run
from molar.train.split import Split, histories, leave_one_out, targets, training_counts

POPULARITY, ITEM_KNN = "popularity", "item-kNN"


def model_names(config: TrainConfig) -> dict[str, str]:
    """What tables call the ways in which a run's model ranks."""
    ids = ID_MODEL_NAMES[config.id_model]
    return {POPULARITY: POPULARITY, "ids": ids, "content": "content only", "aligned": "Molar"}


def evaluate(
    run_folder: Path, dataset_folder: Path | None = None, part: str = "test", device_name: str = "auto"
) -> dict[str, Any]:
    """Rank every user's target with popularity and each mode of the run's model.

    Writes `evaluation.json` and `ranks.parquet` (user_id, and the ranks of each model with seen items removed and
    kept) into the run folder.

    Args:
        run_folder: a run of `molar train`.
        dataset_folder: where the dataset is now; where it was in training if None.
        part: "test" or "validation".
        device_name: "auto", "cpu" or "cuda".

    Returns:
        What `evaluation.json` holds: `rows`, one a model and protocol, and what they were made with.

    Raises:
        DatasetError: the dataset cannot be used, or nobody in it has three events.
        ModelError: the run cannot be read, or was trained on another dataset.
    """
    keep_freed_memory()
    started = time.perf_counter()
    device = choose_device(device_name)
    model, vectors = runs.load_run(run_folder)
    model = model.to(device)
    vectors = ItemVectors(**{name: tensor.to(device) for name, tensor in vectors.tensors().items()})
    dataset = load_dataset(dataset_folder or Path(model.facts.dataset))
    runs.check_dataset(model.facts, dataset)
    everything = dataset
    dataset = seen_by_run(dataset, model.config)
    split = leave_one_out(dataset)
    if not len(split.evaluated):
        raise DatasetError(f"{dataset.folder}: no user has 3 events, so there is nobody to evaluate")
    target = targets(dataset, split, part)
    seen = histories(dataset, split, part)

    tables, queries = vectors.tables(), mode_queries(model, vectors, seen)
    ranks = {POPULARITY: popularity_ranks(dataset, split, seen, target)}
    ranks |= {mode: rank_targets(queries[mode], tables[mode], seen, target) for mode in reversed(model.modes)}

    names = model_names(model.config)
    ranks = {names[mode]: found for mode, found in ranks.items()}
    facts = {"regime": regime_name(model.config), "seed": model.config.seed}
    rows = table_rows(ranks, target, training_counts(dataset, split), facts)
    if model.config.withheld:
        rows += cold_rows(model, vectors, everything, names)
    result = {
        "part": part,
        "headline": "full ranking over all items, seen items removed",
        "users": len(target),
        "items": len(dataset.items),
        "best_epoch": best_epoch(run_folder),
        "training_seconds": training_seconds(run_folder),
        "fingerprint": model.facts.fingerprint,
        "encoder": model.facts.encoder_version,
        "config": asdict(model.config),
        "machine": machine(),
        "seconds": round(time.perf_counter() - started, 1),
        "rows": rows,
    }
    frame = ranks_frame([dataset.user_ids[user] for user in split.evaluated], ranks)
    write_atomically(run_folder / "ranks.parquet", frame.write_parquet)
    write_json(run_folder / "evaluation.json", result)
    return result


def evaluate_untrained(name: str, dataset_folder: Path, out: Path, config: TrainConfig) -> None:
    """Rank every user's test target with what only counts, and leave what a run leaves: evaluation.json, ranks.parquet.

    Args:
        name: "popularity" or "item-kNN".
        dataset_folder: the input.
        out: the folder to make.
        config: says which events are seen.
    """
    started = time.perf_counter()
    whole = load_dataset(dataset_folder)
    dataset = seen_by_run(whole, config)
    split = leave_one_out(dataset)
    seen, target = histories(dataset, split, "test"), targets(dataset, split, "test")
    result: dict[str, Any] = {"part": "test", "fingerprint": dataset_fingerprint(whole)}
    if name == ITEM_KNN:
        found, result["neighbours"], validation = item_knn_ranks(dataset, split, seen, target)
    else:
        found = popularity_ranks(dataset, split, seen, target)
        before = histories(dataset, split, "validation"), targets(dataset, split, "validation")
        validation = ranking_metrics(popularity_ranks(dataset, split, *before).removed)["ndcg@10"]
    result["validation_ndcg@10"] = round(validation, 6)
    facts = {"regime": regime_name(config), "seed": config.seed}
    rows = table_rows({name: found}, target, training_counts(dataset, split), facts)
    result["training_seconds"] = round(time.perf_counter() - started, 1)
    out.mkdir(parents=True, exist_ok=True)
    frame = ranks_frame([dataset.user_ids[user] for user in split.evaluated], {name: found})
    write_atomically(out / "ranks.parquet", frame.write_parquet)
    write_json(out / "evaluation.json", {**result, "machine": machine(), "rows": rows})


def popularity_ranks(dataset: Dataset, split: Split, seen: Sequence[np.ndarray], target: np.ndarray) -> Ranks:
    """Everybody gets the items with the most training events."""
    counts = training_counts(dataset, split).astype(np.float32)
    return rank_targets(torch.ones(len(target), 1), torch.from_numpy(counts)[:, None], seen, target)


def table_rows(
    ranks: dict[str, Ranks], target: np.ndarray, counts: np.ndarray, facts: dict[str, Any]
) -> list[dict[str, Any]]:
    """One row a model and protocol: its name, the facts, metrics rounded to 6 digits.

    Args:
        ranks: by the model's name.
        target: (V,) rows.
        counts: (N,) training events of each item.
        facts: the same in each row.
    """
    rows = []
    for name, found in ranks.items():
        for seen_removed in (True, False):
            metrics = ranking_metrics(found.removed if seen_removed else found.kept)
            row: dict[str, Any] = {"model": name, **facts, "seen_removed": seen_removed}
            row |= {metric: round(value, 6) for metric, value in metrics.items()}
            if seen_removed:
                row["coverage@10"] = round(coverage(found.top, len(counts)), 6)
                row["popularity_bias@10"] = round(popularity_bias(found.top, target, counts), 6)
            rows.append(row)
    return rows


def ranks_frame(user_ids: Sequence[str], ranks: dict[str, Ranks]) -> pl.DataFrame:
    """One row a user: ranks of each model, seen items removed and kept."""
    columns: dict[str, Any] = {"user_id": user_ids}
    for name, found in ranks.items():
        column = column_name(name)
        columns[f"{column}_removed"] = found.removed.astype(np.int32)
        columns[f"{column}_kept"] = found.kept.astype(np.int32)
    return pl.DataFrame(columns)


def column_name(model: str) -> str:
    """What a model of the table is called in ranks.parquet."""
    return model.replace(" ", "_").lower()


def best_epoch(run_folder: Path) -> int:
    """The epoch, from 1, whose weights the run keeps."""
    _, metadata = read_tensors(run_folder / "model.safetensors")
    return int(metadata["epoch"])


def training_seconds(run_folder: Path) -> int:
    """Seconds that the run's epochs took, validation and those of its ID model included."""
    files = [
        file for folder in (run_folder, runs.id_run_folder(run_folder)) if (file := folder / "metrics.jsonl").exists()
    ]
    lines = [json.loads(line) for file in files for line in file.read_text().splitlines()]
    return round(sum(line["train_seconds"] + line["validation_seconds"] for line in lines))


def write_report(run_folder: Path, report: Path) -> None:
    """Copy a run's evaluation to `report`, and its ranks, without user ids, to a Parquet file beside it."""
    report.parent.mkdir(parents=True, exist_ok=True)
    ranks = pl.read_parquet(run_folder / "ranks.parquet").drop("user_id")
    write_atomically(report.with_name(f"{report.stem}-ranks.parquet"), ranks.write_parquet)
    write_atomically(report, lambda temporary: shutil.copyfile(run_folder / "evaluation.json", temporary))
