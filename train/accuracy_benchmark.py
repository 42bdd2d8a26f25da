"""`molar bench accuracy`: Molar, its baselines and its ablations through the same data, training and evaluation.

Hyperparameters are chosen on validation; a run's test part is ranked once, after its training.

Dimensions: V users, N items.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from molar.engine.errors import ModelError
from molar.train.accuracy_config import REGIMES, Choices
from molar.train.comparison import bootstrap, per_user, read_ranks
from molar.train.config import TrainConfig
from molar.train.dataset import Dataset, dataset_fingerprint, load_dataset
from molar.train.evaluate import column_name, evaluate_item_knn
from molar.train.files import write_atomically
from molar.train.metrics import ranking_metrics
from molar.train.regime import seen_by_run
from molar.train.series import Say, evaluated_run, runs_of_seeds, slug
from molar.train.slices import user_slices
from molar.train.split import leave_one_out

ITEM_KNN = "item-kNN"
RECALL = "recall@10"


@dataclass(frozen=True)
class Model:
    """One row of the table.

    Attributes:
        changes: to the run's configuration.
        column: the model among those that the run's ranks hold.
        ids_only: whether it knows items by their IDs alone: the best of these is what Molar has to beat.
        run: the row whose runs it is ranked in, if not its own.
    """

    changes: Mapping[str, Any] = field(default_factory=dict)
    column: str = "molar"
    ids_only: bool = False
    run: str = ""


# What Molar alone has, as a run of one side says it; else a change of Molar would ask for its baselines anew.
_NO_CONTENT = {"content": False, "encoder": "towers", "blocks": "plain", "own_ids": False, "teachers": ""}
_NO_IDS = {"ids": False, "id_blocks": "plain", "own_ids": False, "teachers": ""}


def _alone(id_model: str, **changes: Any) -> Model:
    return Model({**_NO_CONTENT, "id_model": id_model, "id_blocks": "plain", **changes}, id_model, ids_only=True)


MODELS: dict[str, Model] = {
    "popularity": replace(_alone("sasrec"), column="popularity", run="SASRec"),
    ITEM_KNN: Model({}, "item-knn", ids_only=True),
    "FPMC": _alone("fpmc"),
    "GRU4Rec": _alone("gru4rec"),
    "BERT4Rec": _alone("bert4rec"),
    "SASRec, BCE": _alone("sasrec", loss="bce"),
    "gSASRec": _alone("sasrec", loss="gbce"),
    "SASRec": _alone("sasrec"),
    "SASRec, gated": _alone("sasrec", id_blocks="gated"),
    "content only": Model(_NO_IDS, "content_only"),  # as HLLM: item encoder and user encoder, no IDs
    "Molar": Model(),
    "Molar, without alignment": Model({"alignment_weight": 0.0}),
    "Molar, plain blocks": Model({"blocks": "plain", "id_blocks": "plain"}),
    "Molar, without IDs of its own": Model({"own_ids": False}),
    "Molar, text only": Model({"view": "text"}),
    "Molar, image only": Model({"view": "image"}),
    "Molar, with GRU4Rec": Model({"id_model": "gru4rec"}),
    "Molar, with FPMC": Model({"id_model": "fpmc"}),
    "Molar, alpha 0.03": Model({"alignment_weight": 0.03}),
    "Molar, alpha 0.3": Model({"alignment_weight": 0.3}),
}


def benchmark_accuracy(
    dataset_folder: Path,
    work: Path,
    choices: Mapping[str, Choices],
    only: Sequence[str],
    regimes: Sequence[str],
    seeds: int,
    device: str,
    say: Say,
) -> dict[str, Any]:
    """Make the runs that are not there yet, and compare them.

    Args:
        dataset_folder: the input.
        work: where runs are kept; a finished one is not made again.
        choices: of each regime.
        only: names of models; those of the choices if empty.
        regimes: "full", "sparse" (the last ten events of each person) or both.
        seeds: runs a row; a user's metrics are their means.
        device: "auto", "cpu" or "cuda".
        say: is told what is being done.

    Returns:
        `rows`, a model, regime and protocol each. Every row but those of the best ID-only model, which validation
        chooses, holds its difference from that with a 95% interval and p (paired bootstrap over users).

    Raises:
        ModelError: there is no such model or regime, or `work` holds what was made with other choices or another
            dataset.
        DatasetError: the dataset cannot be used.
    """
    for name, known in [*((name, MODELS) for name in only), *((name, REGIMES) for name in regimes)]:
        if name not in known:
            raise ModelError(f"no row {name!r}; choose of {'; '.join(known)}")
    dataset = load_dataset(dataset_folder)
    fingerprint = dataset_fingerprint(dataset)
    rows = []
    for regime in regimes:
        of_regime = choices[regime]
        wanted = only or of_regime.models or MODELS
        made: dict[str, list[Path]] = {}
        for name, model in MODELS.items():
            if name not in wanted:
                continue
            if name == ITEM_KNN:
                out = work / regime / slug(name)
                made[name] = [_item_knn_run(dataset_folder, fingerprint, out, of_regime.config, say)]
                continue
            of_row = of_regime.of_row(model.run or name, model.changes)
            runs = runs_of_seeds(work / regime, model.run or name, of_row, 1 if name == "popularity" else seeds)
            made[name] = [evaluated_run(dataset_folder, out, of_seed, device, say) for out, of_seed in runs]
        rows += _rows(made, seen_by_run(dataset, of_regime.config), regime, work)
    return {
        "dataset": dataset_folder.resolve().name,
        "part": "test",
        "chosen_on": "validation NDCG@10; the test part of each run was ranked once",
        "config": {regime: vars(choices[regime].config) for regime in regimes},
        "changes": {regime: choices[regime].changes for regime in regimes},
        "rows": rows,
    }


def write_all_ranks(rows: Sequence[Mapping[str, Any]], work: Path, out: Path) -> None:
    """Each user's rank by each row's first run, seen items removed, as one Parquet file without user ids.

    Args:
        rows: of `benchmark_accuracy`.
        work: where the runs are.
        out: the file.
    """
    columns = {
        f"{row['regime']}: {row['model']}": read_ranks(work / row["runs"][0], MODELS[row["model"]].column)["rank"]
        for row in rows
        if row["seen_removed"]
    }
    write_atomically(out, lambda path: pl.DataFrame(columns).write_parquet(path, compression_level=19))


def _rows(made: Mapping[str, Sequence[Path]], dataset: Dataset, regime: str, work: Path) -> list[dict[str, Any]]:
    split = leave_one_out(dataset)
    order = np.argsort(np.array([dataset.user_ids[user] for user in split.evaluated]))  # as `read_ranks` has users
    slices = {name: mask[order] for name, mask in user_slices(dataset, split).items()}
    ranks = {name: [read_ranks(run, MODELS[name].column) for run in runs] for name, runs in made.items()}
    best = _best_ids_only(made)
    rows = []
    for name, runs in made.items():
        evaluations = [json.loads((run / "evaluation.json").read_text()) for run in runs]
        for protocol, seen_removed in (("rank", True), ("rank_kept", False)):
            found = _mean_per_user([frame[protocol].to_numpy() for frame in ranks[name]])
            row: dict[str, Any] = {"model": name, "regime": regime, "seen_removed": seen_removed, "seeds": len(runs)}
            row |= _metrics([frame[protocol].to_numpy() for frame in ranks[name]])
            if best and name != best:
                other = _mean_per_user([frame[protocol].to_numpy() for frame in ranks[best]])
                row["beside"] = best
                row["gain"] = round(float(found[RECALL].mean() / other[RECALL].mean() - 1), 4)
                for metric in found:
                    compared = bootstrap(found[metric] - other[metric])
                    row |= {f"{metric}_{part}": value for part, value in compared.items()}
            if seen_removed:
                row["slices"] = {
                    part: {"users": int(mask.sum()), RECALL: round(float(found[RECALL][mask].mean()), 6)}
                    for part, mask in slices.items()
                    if mask.any()
                }
                for metric in ("coverage@10", "popularity_bias@10"):
                    row[metric] = _mean_of_evaluations(evaluations, name, metric)
            row["training_seconds"] = round(float(np.mean([one["training_seconds"] for one in evaluations])))
            row["machine"] = evaluations[0]["machine"]
            row["runs"] = [str(run.relative_to(work)) for run in runs]
            rows.append(row)
    return rows


def _metrics(of_runs: Sequence[np.ndarray]) -> dict[str, Any]:
    found = [ranking_metrics(ranks) for ranks in of_runs]
    row: dict[str, Any] = {name: round(float(np.mean([one[name] for one in found])), 6) for name in found[0]}
    if len(found) > 1:
        row[f"{RECALL}_of_seeds"] = [round(one[RECALL], 6) for one in found]
    return row


def _mean_per_user(of_runs: Sequence[np.ndarray]) -> dict[str, np.ndarray]:
    found = [per_user(ranks, 10) for ranks in of_runs]
    return {metric: np.mean([one[metric] for one in found], axis=0) for metric in found[0]}


def _mean_of_evaluations(evaluations: Sequence[Mapping[str, Any]], name: str, metric: str) -> float:
    column = MODELS[name].column
    values = [
        row[metric]
        for one in evaluations
        for row in one["rows"]
        if metric in row and column_name(row["model"]) == column and row["regime"] != "cold"
    ]
    return round(float(np.mean(values)), 6)


def _best_ids_only(made: Mapping[str, Sequence[Path]]) -> str | None:
    """The row of those that know IDs alone with the highest validation NDCG@10, in the mean over its seeds."""
    reached = {
        name: float(np.mean([validation_ndcg(run) for run in runs]))
        for name, runs in made.items()
        if MODELS[name].ids_only and name != "popularity"
    }
    return max(reached, key=lambda name: reached[name]) if reached else None


def validation_ndcg(run: Path) -> float:
    """Validation NDCG@10 of a run's best epoch; of item-kNN with the neighbours that it was given."""
    evaluation = json.loads((run / "evaluation.json").read_text())
    if "validation_ndcg@10" in evaluation:
        return float(evaluation["validation_ndcg@10"])
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return float(max(line["ids_ndcg@10"] for line in lines))


def _item_knn_run(dataset_folder: Path, fingerprint: str, out: Path, config: TrainConfig, say: Say) -> Path:
    made = out / "evaluation.json"
    if not made.exists():
        say(f"ranking {out.name}")
        evaluate_item_knn(dataset_folder, out, config)
    elif json.loads(made.read_text()).get("fingerprint") != fingerprint:
        raise ModelError(f"{out}: is of another dataset; choose another --work or delete it")
    return out
