"""Finished runs that teach: what they say of every next item is part of what a new run learns.

An ensemble ranks better than each of its members, and one model can take over much of that (Hinton et al., arXiv
1503.02531).

Dimensions: B windows, L events, T of them real, N items, K teachers.
"""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch.nn.functional import embedding

from molar.engine.errors import ModelError
from molar.train import run as runs
from molar.train.batches import Batch
from molar.train.config import TrainConfig
from molar.train.full_softmax import Opinion
from molar.train.model import DataFacts, Molar
from molar.train.transformer import right_padded


class Teachers:
    """K runs on the same events; together they score by the mean of their scores.

    Args:
        folders: of finished runs.
        config: of the run that learns.
        facts: of the run that learns.
        device: where they run.

    Raises:
        ModelError: a run cannot be read, is of another dataset, has seen other events, or reads shorter histories.
    """

    def __init__(self, folders: Sequence[Path], config: TrainConfig, facts: DataFacts, device: torch.device) -> None:
        self.models: list[Molar] = []
        self.tables: list[torch.Tensor] = []
        self.weight = config.teacher_weight
        for folder in folders:
            model, vectors = runs.load_run(folder)
            if model.facts.fingerprint != facts.fingerprint:
                raise ModelError(f"{folder}: was trained on another dataset, so it cannot teach here")
            runs.require_same(("withheld", "last_events"), config, model.config, folder)
            if model.config.max_history < config.max_history:
                raise ModelError(f"{folder}: reads {model.config.max_history} events, this run {config.max_history}")
            if model.config.id_model == "bert4rec" and model.config.ids:
                raise ModelError(f"{folder}: bert4rec has no vector after each event, so it cannot teach")
            self.models.append(model.to(device).requires_grad_(False))
            self.tables.append(vectors.tables()[model.modes[0]].to(device))
        self.table = torch.cat(self.tables, dim=1) / len(self.models)  # (N, sum of widths)

    @torch.no_grad()
    def opinion(self, batch: Batch) -> Opinion:
        """What they say after each of a batch's T events."""
        valid = batch.valid()
        said = []
        for model, table in zip(self.models, self.tables, strict=True):
            positions = right_padded(batch.lengths, batch.history.shape[1], model.config.max_history)
            u, h = model.user_vectors(embedding(batch.history, table), positions)
            said.append(model.query(*(None if side is None else side[valid] for side in (u, h))))
        return Opinion(torch.cat(said, dim=1), self.table, self.weight)


def teachers_of(config: TrainConfig, facts: DataFacts, device: torch.device) -> Teachers | None:
    """Those that a run has chosen."""
    folders = [Path(name.strip()) for name in config.teachers.split(",") if name.strip()]
    return Teachers(folders, config, facts, device) if folders else None
