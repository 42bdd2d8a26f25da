"""What training asks after each epoch: how well does each mode rank the validation events?"""

from dataclasses import replace
from typing import Any

import numpy as np
import torch

from molar.train.dataset import Dataset
from molar.train.device import fast_bfloat16
from molar.train.item_encoder import ScaledFeatures
from molar.train.metrics import ranking_metrics, target_ranks
from molar.train.model import ItemVectors, Molar
from molar.train.ranking import hide_seen, side_vectors, users_at_a_time
from molar.train.split import Split, histories, targets

_ID_WEIGHTS = (0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 4.0)  # candidates of beta
_SEED = 20_241_218  # the same people in all runs


class Validation:
    """The validation events of a dataset, and how well each mode of a model in training ranks them.

    Args:
        dataset: whose histories.
        split: which of their events validate.
        device: of the models.
        people: at most so many are asked, drawn at random, the same each time; all where 0.
    """

    def __init__(self, dataset: Dataset, split: Split, device: torch.device, people: int = 0) -> None:
        self._device = device
        if 0 < people < len(split.evaluated):
            drawn = np.random.default_rng(_SEED).choice(split.evaluated, people, replace=False)
            split = replace(split, evaluated=np.sort(drawn))
        self._target = targets(dataset, split, "validation")
        self._seen = histories(dataset, split, "validation")
        self._unchanged: dict[str, tuple[torch.Tensor, torch.Tensor]] = {}  # sides that training leaves as they are

    @torch.inference_mode()
    def metrics(
        self, model: Molar, features: torch.Tensor | ScaledFeatures | None
    ) -> tuple[dict[str, float], ItemVectors]:
        """Recall@10 and NDCG@10 of each mode, seen items removed; sets the model's id_weight to the best.

        Args:
            model: put into evaluation mode; the same in all calls, at different times of its training.
            features: of all items, as `Molar.item_vectors` takes them; None for an ID model alone.
        """
        model.eval()
        vectors = model.all_item_vectors(features)
        if not len(self._target):
            return {f"{model.modes[0]}_ndcg@10": 0.0}, vectors
        low = model.config.bfloat16 and fast_bfloat16(self._device)
        with torch.autocast(self._device.type, torch.bfloat16, enabled=low):
            sides = side_vectors(model, vectors, self._seen, self._unchanged)
        results = self._ranking_metrics(sides)
        if "fused" in sides:
            self._unchanged = {"ids": sides["ids"]}
            best = max(_ID_WEIGHTS, key=lambda weight: results[weight]["ndcg@10"])
            model.id_weight.fill_(best)
            results["aligned"] = results[best]
        named = {mode: results[mode] for mode in model.modes}
        return {
            f"{mode}_{metric}": named[mode][metric] for mode in named for metric in ("recall@10", "ndcg@10")
        }, vectors

    def _ranking_metrics(self, sides: dict[str, tuple[torch.Tensor, torch.Tensor]]) -> dict[Any, dict[str, float]]:
        """Of each side alone, and of "fused" and "ids" together by the weight of the latter."""
        ranks: dict[Any, list[torch.Tensor]] = {}
        for users in users_at_a_time(len(self._target), len(next(iter(sides.values()))[1])):
            scores: dict[str, torch.Tensor] = {}
            for side, (queries, table) in sides.items():
                scores[side] = queries[users] @ table.T
                hide_seen(scores[side], self._seen[users])
            for side in scores.keys() - {"fused"}:
                ranks.setdefault(side, []).append(target_ranks(scores[side], self._target[users]))
            # One weight at a time: the scores of a large catalogue take much memory.
            for weight in _ID_WEIGHTS if "fused" in scores else ():
                together = scores["fused"] + weight * scores["ids"]
                ranks.setdefault(weight, []).append(target_ranks(together, self._target[users]))
        return {name: ranking_metrics(torch.cat(parts).cpu().numpy(), (10,)) for name, parts in ranks.items()}
