"""Both sides of the user encoder at once, beside one after the other."""

from typing import Any

import numpy as np
import onnxruntime as ort
import pytest
import torch

from molar.export.graphs import UserGraph, export_users
from molar.export.stacked_encoder import can_stack, stacked_user
from molar.train.config import TrainConfig
from molar.train.model import DataFacts, Molar


def model_of(**choices: Any) -> Molar:
    """Weights nobody trained, none of them where they begin."""
    torch.manual_seed(0)
    config = TrainConfig(**{"dim": 16, "max_history": 12, **choices})
    model = Molar(config, DataFacts(5, [3], "", "", "")).eval()
    for parameter in model.parameters():
        parameter.data += 0.1 * torch.randn_like(parameter)
    if config.content and config.ids:
        model.id_weight.fill_(1.7)
    return model


@pytest.mark.parametrize(
    "choices",
    [
        {},
        {"ids": False},
        {"content": False},
        {"blocks": "plain", "id_blocks": "plain"},
        {"layers": 1},
        {"layers": 3, "heads": 4},
    ],
    ids=str,
)
@pytest.mark.parametrize("length", [1, 7, 12])
def test_it_says_what_the_sides_say(choices: dict[str, Any], length: int) -> None:
    model = model_of(**choices)
    assert can_stack(model)
    history = torch.randint(0, 5, (4, length))
    history[0, : length // 2] = -1
    history[1, :-1] = -1
    history[2] = -1
    events = torch.randn(4, length, 32 if model.config.content and model.config.ids else 16)
    with torch.inference_mode():
        apart = UserGraph(model)(events, history).numpy()
    graph = ort.InferenceSession(stacked_user(model).SerializeToString(), providers=["CPUExecutionProvider"])
    [stacked] = graph.run(None, {"events": events.numpy(), "history": history.numpy()})
    np.testing.assert_allclose(stacked, apart, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("choices", [{"id_model": "gru4rec"}, {"id_blocks": "plain"}], ids=str)
def test_sides_of_different_shape_stay_apart(choices: dict[str, Any]) -> None:
    model = model_of(**choices)
    assert not can_stack(model)
    users = export_users(model)
    assert users["cuda"] is users["cpu"]


def test_it_is_half_as_many_operations() -> None:
    apart, stacked = (
        sum(node.op_type not in ("Constant", "Identity") for node in user.graph.node)
        for user in map(export_users(model_of()).get, ("cpu", "cuda"))
    )
    assert stacked < 0.5 * apart
