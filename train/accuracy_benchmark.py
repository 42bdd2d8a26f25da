"""`molar bench accuracy`: Molar, its baselines and its ablations through the same data, training and evaluation.

Hyperparameters are chosen on validation; a run's test part is ranked once, after its training.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from molar.engine.errors import ModelError
from molar.train.accuracy_config import REGIMES, Choices
from molar.train.accuracy_table import MOLAR, SHORTER, table_of
from molar.train.config import WITHOUT_CONTENT, WITHOUT_IDS, TrainConfig
from molar.train.dataset import Dataset, dataset_fingerprint, load_dataset
from molar.train.evaluate import ITEM_KNN, POPULARITY, column_name, evaluate_untrained
from molar.train.id_run import id_run_config
from molar.train.measured_runs import MeasuredRun, measure
from molar.train.regime import seen_by_run
from molar.train.series import Say, evaluated_run, seed_folder
from molar.train.side_by_side import printing_to, side_by_side
from molar.train.slices import user_slices
from molar.train.split import leave_one_out

_PACE = ("epochs", "patience", "learning_rate")  # how long a model trains, and how fast


@dataclass(frozen=True)
class Model:
    """One row of the table.

    Attributes:
        changes: to the run's configuration.
        column: the model among those that the run's ranks hold.
        ids_only: whether it knows items by their IDs alone: the best of these is what Molar has to beat.
        trained: whether it learns by gradients; what does not, counts.
    """

    changes: Mapping[str, Any] = field(default_factory=dict)
    column: str = "molar"
    ids_only: bool = False
    trained: bool = True


def _alone(id_model: str, **changes: Any) -> Model:
    own = {**WITHOUT_CONTENT, "id_model": id_model, "id_blocks": "plain", **changes}
    return Model(own, id_model, ids_only=True)


def _counted(name: str) -> Model:
    return Model(column=column_name(name), ids_only=True, trained=False)


MODELS: dict[str, Model] = {
    POPULARITY: _counted(POPULARITY),
    ITEM_KNN: _counted(ITEM_KNN),
    "FPMC": _alone("fpmc"),
    "GRU4Rec": _alone("gru4rec"),
    "BERT4Rec": _alone("bert4rec"),
    "SASRec, BCE": _alone("sasrec", loss="bce"),
    "gSASRec": _alone("sasrec", loss="gbce"),
    "SASRec": _alone("sasrec"),
    "SASRec, gated": _alone("sasrec", id_blocks="gated"),
    "content only": Model(WITHOUT_IDS, "content_only"),  # as HLLM: item encoder and user encoder, no IDs
    MOLAR: Model(),
    SHORTER: Model(),
    "Molar, without alignment": Model({"alignment_weight": 0.0}),
    "Molar, plain blocks": Model({"blocks": "plain", "id_blocks": "plain"}),
    "Molar, without IDs of its own": Model({"own_ids": False}),
    "Molar, text only": Model({"view": "text"}),
    "Molar, image only": Model({"view": "image"}),
    "Molar, with GRU4Rec": Model({"id_model": "gru4rec", "id_blocks": "plain"}),
    "Molar, with FPMC": Model({"id_model": "fpmc", "id_blocks": "plain"}),
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
    earlier: Sequence[MeasuredRun] = (),
    jobs: int = 1,
) -> tuple[dict[str, Any], list[MeasuredRun]]:
    """Make the runs that are not there yet, and compare all.

    Args:
        dataset_folder: the input.
        work: where runs are kept; a finished one is not made again.
        choices: of each regime.
        only: names of models; those of the choices if empty.
        regimes: "full", "sparse" (the last ten events of each person) or both.
        seeds: runs a row; a user's metrics are their means.
        device: "auto", "cpu" or "cuda".
        say: is told what is being done.
        earlier: runs of an earlier table. One that was made as the choices say is not made again, and stays in the
            table whether or not it is asked for now; all others are forgotten.
        jobs: runs that are made at a time, each by a process of its own which prints to a file beside its run folder.

    Returns:
        The table, of which `rows` holds two lines a model and regime (see `table_of`), and the runs in it.

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
    found = {run.key: run for run in earlier if run.dataset == fingerprint and _is_current(run, choices[run.regime])}

    bench = _Bench(dataset_folder, work, choices, device)
    wanted = [
        (regime, name, seed)
        for regime in regimes
        for name, model in MODELS.items()
        if name in (only or choices[regime].models or _usual(choices[regime]))
        for seed in range(seeds if model.trained else 1)
        if (regime, name, seed) not in found
    ]
    if jobs > 1:
        bench.make_side_by_side(wanted, jobs, say)
    for regime, name, seed in wanted:
        out = bench.make(regime, name, seed, say)
        settings = _settings(name, choices[regime], seed)
        found[regime, name, seed] = measure(
            out, MODELS[name].column, model=name, regime=regime, seed=seed, dataset=fingerprint, settings=settings
        )
    runs = [found[key] for key in sorted(found, key=lambda key: (key[0], list(MODELS).index(key[1]), key[2]))]
    rows = []
    for regime in sorted({run.regime for run in runs}):
        made = {name: [run for run in runs if run.key[:2] == (regime, name)] for name in MODELS}
        made = {name: of_row for name, of_row in made.items() if of_row}
        ids_only = [name for name in made if MODELS[name].ids_only]
        rows += table_of(made, ids_only, _slices(seen_by_run(dataset, choices[regime].config)))
    table = {
        "dataset": dataset_folder.resolve().name,
        "part": "test",
        "chosen_on": "validation NDCG@10; the test part of each run was ranked once",
        "config": {regime: vars(choices[regime].config) for regime in REGIMES},
        "changes": {regime: choices[regime].changes for regime in REGIMES},
        "published": {regime: [asdict(entry) for entry in choices[regime].published] for regime in REGIMES},
        "rows": rows,
    }
    return table, runs


@dataclass(frozen=True)
class _Bench:
    """What the runs of a table have in common; arguments of `benchmark_accuracy`."""

    dataset_folder: Path
    work: Path
    choices: Mapping[str, Choices]
    device: str

    def make(self, regime: str, name: str, seed: int, say: Say) -> Path:
        """The folder of a row's run, made if it is not there yet, after that of its ID model."""
        out, choices = self._folder(regime, name, seed), self.choices[regime]
        if MODELS[name].trained:
            id_row = self._id_row(regime, name, seed)
            id_run = self.make(regime, id_row, seed, say) if id_row else None
            evaluated_run(self.dataset_folder, out, _config(name, choices, seed), self.device, say, id_run)
        elif not (out / "evaluation.json").exists():
            say(f"ranking {out.name}")
            evaluate_untrained(name, self.dataset_folder, out, choices.config)
        return out

    def make_side_by_side(self, wanted: Sequence[tuple[str, str, int]], jobs: int, say: Say) -> None:
        """The runs of rows that are not there yet, and of their ID models: the longest first."""
        id_rows = {key: self._id_row(*key) for key in wanted}
        builds_on = {key: {(key[0], row, key[2])} for key, row in id_rows.items() if row}
        is_built_on = set().union(*builds_on.values())
        todo = [key for key in {*wanted, *is_built_on} if not (self._folder(*key) / "evaluation.json").exists()]

        def urgency(key: tuple[str, str, int]) -> tuple[Any, ...]:
            regime, name, seed = key
            epochs = _config(name, self.choices[regime], seed).epochs if MODELS[name].trained else 0
            return key not in is_built_on, regime != "full", -epochs, *key

        pieces = {key: (self._make_alone, key) for key in sorted(todo, key=urgency)}
        side_by_side(pieces, builds_on, jobs, say)

    def _make_alone(self, regime: str, name: str, seed: int) -> None:
        out = self._folder(regime, name, seed)
        with printing_to(out.with_name(f"{out.name}.log")):
            self.make(regime, name, seed, print)

    def _folder(self, regime: str, name: str, seed: int) -> Path:
        return seed_folder(self.work / regime, name, seed)

    def _id_row(self, regime: str, name: str, seed: int) -> str | None:
        """The row whose run is the ID model of a new one: it is made once, and trained as long as that row says."""
        if not MODELS[name].trained or self._folder(regime, name, seed).exists():
            return None
        config = _config(name, self.choices[regime], seed)
        if not (config.content and config.ids):
            return None
        wanted = id_run_config(config)
        for row, model in MODELS.items():
            if model.trained and model.ids_only:
                there = _config(row, self.choices[regime], seed)
                if replace(there, **{pace: getattr(wanted, pace) for pace in _PACE}) == wanted:
                    return row
        return None


def _usual(choices: Choices) -> list[str]:
    """All rows, but for one of fewer epochs that would have as many."""
    same = _config(SHORTER, choices, 0) == _config(MOLAR, choices, 0)
    return [name for name in MODELS if name != SHORTER or not same]


def _settings(name: str, choices: Choices, seed: int) -> dict[str, Any]:
    """What a run of a row is made with; of what is not trained, which events it sees."""
    config = _config(name, choices, seed)
    if not MODELS[name].trained:
        return {"last_events": config.last_events, "withheld": config.withheld}
    return asdict(config)


def _config(name: str, choices: Choices, seed: int) -> TrainConfig:
    config = choices.of_row(name, MODELS[name].changes)
    return replace(config, seed=config.seed + seed)


def _is_current(run: MeasuredRun, choices: Choices) -> bool:
    """Whether a run of an earlier table would be made the same way now."""
    if run.model not in MODELS:
        return False
    made_with = run.made_with()
    try:
        if MODELS[run.model].trained:
            made_with = asdict(TrainConfig(**made_with))  # settings that are newer than the run have their defaults
    except (TypeError, ModelError):
        return False
    return made_with == _settings(run.model, choices, run.seed)


def _slices(dataset: Dataset) -> dict[str, np.ndarray]:
    """Of the users who are evaluated, sorted by their ids as ranks are."""
    split = leave_one_out(dataset)
    order = np.argsort(np.array([dataset.user_ids[user] for user in split.evaluated]))
    return {name: mask[order] for name, mask in user_slices(dataset, split).items()}
