"""The ID model that Molar is aligned with comes first: a run of its own, in the folder `ids` of Molar's run."""

from dataclasses import replace
from pathlib import Path

from molar.engine.errors import ModelError
from molar.train import run as runs
from molar.train.config import WITHOUT_CONTENT, TrainConfig
from molar.train.model import DataFacts

# What its weights and what it has seen depend on.
_SHARED = ("id_model", "id_blocks", "dim", "layers", "heads", "max_history", "last_events", "withheld")


def id_run_config(config: TrainConfig) -> TrainConfig:
    """What the ID model of a run is trained with."""
    return replace(config, **WITHOUT_CONTENT)


def check_id_run(id_run: Path, config: TrainConfig, facts: DataFacts) -> None:
    """Refuse a run whose ID model a new one cannot take over.

    Args:
        id_run: whose ID model.
        config: of the new run.
        facts: of the new run.

    Raises:
        ModelError: `id_run` is no run of an ID model alone, or the new one has no use for it; datasets or settings
            differ.
    """
    if not (config.content and config.ids):
        raise ModelError(f"{id_run}: only a run with content and IDs can be aligned with an ID model")
    if not id_run.is_dir():
        raise ModelError(f"{id_run}: no such run folder")
    found, found_facts = runs.read_config(id_run)
    if found.content:
        raise ModelError(f"{id_run}: is no ID model alone; train one with --no-content")
    if found_facts.fingerprint != facts.fingerprint:
        raise ModelError(f"{id_run}: was trained on another dataset")
    runs.require_same(_SHARED, config, found, id_run)
