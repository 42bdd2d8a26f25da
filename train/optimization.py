"""How weights are moved: optimizer, learning rate, and their running average."""

import math

import torch
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from molar.train.config import TrainConfig
from molar.train.model import Molar


def adamw(model: Molar, config: TrainConfig) -> torch.optim.Optimizer:
    """AdamW of what learns; matrices decay, embeddings, norms and biases do not."""
    linear = {id(module.weight) for module in model.modules() if isinstance(module, torch.nn.Linear)}
    learned = [p for p in model.parameters() if p.requires_grad]
    groups = [
        {"params": [p for p in learned if id(p) in linear], "weight_decay": config.weight_decay},
        {"params": [p for p in learned if id(p) not in linear], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=config.learning_rate, betas=(0.9, 0.98), fused=True)


def learning_rate(config: TrainConfig, step: int, done: float) -> float:
    """Linear warm-up over `warmup_steps`, then a cosine from the peak to 5% of it.

    Args:
        config: the run's choices.
        step: optimizer steps done.
        done: share of all epochs done, in [0, 1].
    """
    warm = min(1.0, (step + 1) / max(config.warmup_steps, 1))
    return config.learning_rate * warm * (0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * done)))


def moving_average(model: Molar, config: TrainConfig) -> AveragedModel | None:
    """An exponential moving average of the weights, which is validated and kept in place of the weights themselves."""
    if not config.averaging:
        return None
    return AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(config.averaging))  # type: ignore[no-untyped-call]
