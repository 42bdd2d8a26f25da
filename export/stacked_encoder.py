"""Both sides of the user encoder at once: half as many operations, each of which a GPU has to start.

What the content side and the ID side do to a history differs in numbers only where both are transformers of one shape.
Their weights are stacked, and what can be brought into a weight beforehand is: norms' factors, the attention's scale,
and the turning of queries and keys by their position, which needs each of them a second time with its halves changed.
The graph is written as text (`stacked_steps`), which takes milliseconds where torch's exporter takes ten seconds.

Dimensions: S sides, B people, L events, D width of a side, W = S D, H heads, E width of a head.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
import onnx
import torch
from onnx import helper, numpy_helper, parser
from torch import nn

from molar.export import stacked_steps as steps
from molar.export.ranking import IR_VERSION, OPSET
from molar.train.id_models import SASRec
from molar.train.model import Molar
from molar.train.transformer import Block, Transformer, rotate

_Linear = tuple[torch.Tensor, torch.Tensor]
"""Weight (M, D) and bias (M,)."""


@dataclass(frozen=True)
class _Side:
    """One side: its transformer, what happens to an event before that, and what counts for how much at its end."""

    transformer: Transformer
    input: nn.Linear | None = None
    places: torch.Tensor | None = None  # (longest, D)
    weight: torch.Tensor | float = 1.0


@torch.no_grad()
def stacked_user(model: Molar) -> onnx.ModelProto:
    """The user encoder of a model of which `can_stack` says so, as ONNX.

    Args:
        model: trained, in evaluation mode.

    Returns:
        `events` (B, L, W) and `history` (B, L) -> `query` (B, W), as `graphs.UserGraph`.
    """
    sides, config = _sides(model), model.config
    dim, heads, longest = config.dim, config.heads, config.max_history
    blocks = list(zip(*(side.transformer.blocks for side in sides), strict=True))
    gated, top = blocks[0][0].gated, len(blocks) - 1
    weights = _at_the_ends(sides, dim, heads, longest)
    names = {"dim": dim, "heads": heads, "twice_heads": 2 * heads, "head": dim // heads, "sides": len(sides)}
    names |= {"longest": longest, "width": dim * len(sides), "asked": 3 if gated else 2}
    read = "read = MatMul (sides_first, input_weight)" if "input_weight" in weights else "read = Identity (sides_first)"
    text = [steps.BEGIN.format(read=read, **names)]
    for n, block in enumerate(blocks):
        weights |= _of_block(block, n, n == top)
        parts = {"n": n, "next": n + 1, "gate": f", gate_{n}" if gated else "", **names}
        feed_forward = steps.GATED_FEED_FORWARD if gated else steps.PLAIN_FEED_FORWARD
        attention = steps.GATED_ATTENTION if gated else "said_by_attention_{n} = Identity (attended_{n})"
        parts |= {"ask": (steps.ASK_LAST if n == top else steps.ASK_ALL).format(**parts)}
        parts |= {"gated_attention": attention.format(n=n), "feed_forward": feed_forward.format(n=n)}
        text.append(steps.BLOCK.format(**parts))
    text.append(steps.END.format(n=top + 1, **names))
    signature = f"float[B,L,{names['width']}] events, int64[B,L] history"
    graph = parser.parse_graph(f"user ({signature}) => (float[B,{names['width']}] query) {{{''.join(text)}}}")
    hidden = blocks[0][0].feed_forward_out.in_features
    constants = {
        "read_parts": np.array([2 * dim, 2 * dim, dim, *[dim] * gated]),
        "hidden_parts": np.array([hidden, hidden, dim]),
        **{name: value.float().contiguous().numpy() for name, value in weights.items()},
    }
    used = {name for node in graph.node for name in node.input}
    tensors = (numpy_helper.from_array(value, name) for name, value in constants.items() if name in used)
    graph.initializer.extend(tensors)
    proto = helper.make_model(graph, ir_version=IR_VERSION, opset_imports=[helper.make_opsetid("", OPSET)])
    onnx.checker.check_model(proto, full_check=True)
    return proto


def can_stack(model: Molar) -> bool:
    """Whether the sides of a model are transformers of one shape."""
    if model.id_model is not None and not isinstance(model.id_model, SASRec):
        return False
    shapes = [
        [(block.gated, block.heads, block.qkv.in_features) for block in cast(Iterable[Block], side.transformer.blocks)]
        for side in _sides(model)
    ]
    return all(shape == shapes[0] for shape in shapes)


def _sides(model: Molar) -> list[_Side]:
    sides = []
    if model.user_encoder is not None:
        sides.append(_Side(model.user_encoder.transformer, model.user_encoder.input))
    if isinstance(model.id_model, SASRec):
        weight = model.id_weight if sides else 1.0
        sides.append(_Side(model.id_model.transformer, None, model.id_model.positions.weight, weight))
    return sides


def _at_the_ends(sides: Sequence[_Side], dim: int, heads: int, longest: int) -> dict[str, torch.Tensor]:
    """What is done to events before the first block and after the last."""
    weights = {"ones": torch.ones(dim)}
    places = torch.stack([torch.zeros(longest, dim) if side.places is None else side.places for side in sides])
    if any(side.input for side in sides):
        nothing = torch.eye(dim), torch.zeros(dim)
        inputs = [[nothing if side.input is None else _of(side.input)] for side in sides]
        weights["input_weight"], bias = _stacked(inputs)
        places = places + bias
    cos, sin = (torch.stack(part) for part in zip(*(_turns(s, longest, dim, heads) for s in sides), strict=True))
    weights |= {"all_places": places[:, None], "all_cos": cos[:, None], "all_sin": sin[:, None]}
    weights |= {"last_cos": cos[:, -1:, :dim], "last_sin": sin[:, -1:, :dim]}
    norms = [(side.transformer.norm, side.weight) for side in sides]
    weights["factor"] = torch.cat([norm.weight * weight for norm, weight in norms])
    weights["shift"] = torch.cat([norm.bias * weight for norm, weight in norms])
    return weights


def _of_block(blocks: Sequence[Block], n: int, only_last: bool) -> dict[str, torch.Tensor]:
    """The weights of a block of all sides."""
    asking, shown, out, into, back = [], [], [], [], []
    for block in blocks:
        q, k, v = (_after_norm(block.attention_norm, part) for part in _parts(block.qkv))
        scale = (block.qkv.in_features // block.heads) ** -0.5
        q = q[0] * scale, q[1] * scale
        gate = [_after_norm(block.attention_norm, _of(block.attention_gate))] if block.gated else []
        asking.append([q, _halves_changed(q, block.heads), *gate])
        shown.append([k, _halves_changed(k, block.heads), v])
        out.append([_of(block.attention_out)])
        names = ("feed_forward_in", "feed_forward_gate") if block.gated else ("feed_forward_in",)
        into.append([_after_norm(block.feed_forward_norm, _of(getattr(block, name))) for name in names])
        back.append([_of(block.feed_forward_out)])
    of_all = (
        shown if only_last else [[a[0], s[0], a[1], s[1], s[2], *a[2:]] for a, s in zip(asking, shown, strict=True)]
    )
    named = {"read": of_all, "out": out, "in": into, "last": back}
    stacked = {f"{name}_{{}}_{n}": _stacked(linears) for name, linears in named.items()}
    if only_last:
        stacked["last_{}"] = _stacked(asking)
    return {
        name.format(what): value
        for name, linear in stacked.items()
        for what, value in zip(("weight", "bias"), linear, strict=True)
    }


def _of(linear: nn.Linear) -> _Linear:
    return linear.weight, linear.bias


def _parts(qkv: nn.Linear) -> list[_Linear]:
    return list(zip(qkv.weight.chunk(3), qkv.bias.chunk(3), strict=True))


def _after_norm(norm: nn.LayerNorm, linear: _Linear) -> _Linear:
    """Weights for numbers that the norm has not multiplied and moved."""
    weight, bias = linear
    return weight * norm.weight, bias + weight @ norm.bias


def _halves_changed(linear: _Linear, heads: int) -> _Linear:
    """Weights of (-second half, first half) of each head."""
    changed = []
    for part in linear:
        first, second = part.reshape(heads, 2, -1, *part.shape[1:]).unbind(1)
        changed.append(torch.stack([-second, first], dim=1).flatten(0, 2))
    return changed[0], changed[1]


def _stacked(sides: Sequence[Sequence[_Linear]]) -> _Linear:
    """Weights (S, D, M) and biases (S, 1, M) of what each side has for its linears, one beside the other."""
    weights, biases = zip(*([torch.cat(part) for part in zip(*side, strict=True)] for side in sides), strict=True)
    return torch.stack(weights).mT, torch.stack(biases)[:, None]


def _turns(side: _Side, longest: int, dim: int, heads: int) -> tuple[torch.Tensor, torch.Tensor]:
    """(longest, 2 D) cosines and sines, the same for all heads of queries and keys; no turn where there are places."""
    if side.places is not None:
        return torch.ones(longest, 2 * dim), torch.zeros(longest, 2 * dim)
    one = torch.zeros(1, 1, longest, dim // heads)
    one[..., : dim // heads // 2] = 1.0
    turned = rotate(one, torch.arange(longest)[None])[0, 0]  # (longest, E), first half cosines, second half sines
    cos, sin = turned.chunk(2, dim=-1)
    return cos.repeat(1, 4 * heads), sin.repeat(1, 4 * heads)
