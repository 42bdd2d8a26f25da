"""`molar bench content`: what the picture, the text and each fine-tuning task are worth to recommendation by content.

A series of encoders and content-only runs that differ in one thing each. A series that was stopped goes on.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from molar.engine.errors import ModelError
from molar.train.comparison import compare_runs
from molar.train.config import TrainConfig
from molar.train.device import machine
from molar.train.encoders import read_encoder_config
from molar.train.finetune_config import END_TO_END, FinetuneConfig
from molar.train.item_finetuning import finetune
from molar.train.series import Say, evaluated_run, refuse_another, runs_of_seeds, slug

BASELINE = "frozen towers"


@dataclass(frozen=True)
class Variant:
    """One row of the table.

    Attributes:
        finetune: changes to the encoder's configuration; None for a run without a fine-tuned encoder.
        train: changes to the run's configuration.
        goes_on: whether the encoder starts where the full one ends.
    """

    finetune: Mapping[str, Any] | None
    train: Mapping[str, Any] = field(default_factory=dict)
    goes_on: bool = False

    def changed(self) -> dict[str, Any]:
        """All that differs from the full encoder and its content-only run."""
        return {**(self.finetune or {}), **self.train}


def variants(backbone: str) -> dict[str, Variant]:
    """All rows, by name; the first is what the others are compared with."""
    return {
        BASELINE: Variant(None, {"encoder": "towers"}),
        "not fine-tuned": Variant(None, {"encoder": backbone}),
        "all tasks": Variant({}),
        "then end to end": Variant(END_TO_END, goes_on=True),
        "text only": Variant({}, {"view": "text"}),
        "image only": Variant({}, {"view": "image"}),
        "without IT": Variant({"image_to_text": 0.0}),
        "without SA": Variant({"attributes_to_text": 0.0}),
        "without UB": Variant({"history_to_next": 0.0}),
        "cold start": Variant({"withheld": 0.1}, {"withheld": 0.1, "ids": True}),
    }


def run_ablation(
    dataset: Path,
    work: Path,
    finetune_config: FinetuneConfig,
    train_config: TrainConfig,
    only: Sequence[str],
    seeds: int,
    device: str,
    say: Say,
) -> dict[str, Any]:
    """Make what is not there yet, and compare.

    Args:
        dataset: the dataset folder.
        work: where encoders and runs are kept; a finished one is not made again.
        finetune_config: of the full encoder.
        train_config: of a content-only run.
        only: names of variants; all of them if empty.
        seeds: content-only runs a row, each with a seed of its own; the encoders are made once.
        device: "auto", "cpu" or "cuda".
        say: is told what is being done.

    Returns:
        `rows` of the content-only runs, each compared with the frozen towers by a paired bootstrap, and `cold`, the
        rows on withheld items.

    Raises:
        ModelError: there is no such variant.
        DatasetError: the dataset cannot be used.
    """
    known = variants(finetune_config.backbone)
    if unknown := [name for name in only if name not in known]:
        raise ModelError(f"no variant {unknown[0]!r}; choose of {', '.join(known)}")
    chosen = {name: known[name] for name in known if not only or name in only or name == BASELINE}
    runs = {}
    for name, variant in chosen.items():
        encoder = finetune_config.backbone
        if variant.finetune is not None:
            changed = replace(finetune_config, **variant.finetune)
            if variant.goes_on:
                full = _encoder(dataset, work / "encoders" / "all", finetune_config, device, say)
                changed = replace(changed, start=str(full))
            folder = work / "encoders" / (slug(name) if variant.finetune else "all")
            encoder = str(_encoder(dataset, folder, changed, device, say))
        config = replace(train_config, **{"encoder": encoder, "ids": False, **variant.train})
        runs[name] = [
            evaluated_run(dataset, folder, of_seed, device, say)
            for folder, of_seed in runs_of_seeds(work / "runs", name, config, seeds)
        ]
    content_only = {name: of_seeds for name, of_seeds in runs.items() if not chosen[name].train.get("withheld")}
    compared = compare_runs(list(content_only.values()), "content_only")
    cold = [
        {"variant": name, **row}
        for name, of_seeds in runs.items()
        if name not in content_only
        for run in of_seeds
        for row in json.loads((run / "evaluation.json").read_text())["rows"]
        if row["regime"] == "cold"
    ]
    rows = [
        {"variant": name, "changed": chosen[name].changed(), **row, "run": of_seeds[0].name}
        for (name, of_seeds), row in zip(content_only.items(), compared, strict=True)
    ]
    return {
        "dataset": dataset.resolve().name,
        "machine": machine(),
        "finetune": vars(finetune_config),
        "train": vars(train_config),
        "rows": rows,
        "cold": cold,
    }


def _encoder(dataset: Path, out: Path, config: FinetuneConfig, device: str, say: Say) -> Path:
    """An encoder folder with this configuration."""
    if begun := out.exists():
        refuse_another(config, read_encoder_config(out), out)
    if not (out / "encoder.safetensors").exists():
        say(f"encoder {out.name}")
        finetune(dataset, out, None if begun else config, device)
    return out
