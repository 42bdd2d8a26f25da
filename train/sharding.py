"""A language model whose layers are divided among processes (FSDP2), for those that no single GPU holds.

Each process keeps its part of every layer's weights, gradients and moments, and fetches the rest of a layer for as long
as the layer computes. Word embeddings, vision tower and what training adds beside the layers stay whole everywhere.
"""

from collections.abc import Sequence

import torch
from torch import nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard

from molar.train.model_files import whole
from molar.train.processes import Processes


def divide_layers(language: nn.Module, processes: Processes, low: bool) -> None:
    """Divide a language model among all processes, in place.

    Args:
        language: of transformers; not yet moved to a GPU.
        processes: at least 2.
        low: compute in bfloat16.
    """
    mesh = init_device_mesh(processes.device.type, (processes.all.count,))
    # What flows between layers stays as precise as where they are not divided.
    policy = MixedPrecisionPolicy(torch.bfloat16, torch.float32, cast_forward_inputs=False)
    precision = policy if low else MixedPrecisionPolicy()
    decoder, layers = _decoder(language)
    for layer in layers:
        fully_shard(layer, mesh=mesh, mp_policy=precision)
    inside = {parameter for layer in layers for parameter in layer.parameters()}
    fully_shard(decoder, mesh=mesh, mp_policy=precision, ignored_params=set(decoder.parameters()) - inside)
    # Each process computes its part of one loss: their gradients are to be summed.
    for part in (decoder, *layers):
        part.set_gradient_divide_factor(1.0)
        part.set_force_sum_reduction_for_comms(True)  # gloo knows no other


def layer_parameters(language: nn.Module) -> set[nn.Parameter]:
    """Those that `divide_layers` divides, or has divided."""
    return {parameter for layer in _decoder(language)[1] for parameter in layer.parameters()}


def _decoder(language: nn.Module) -> tuple[nn.Module, nn.ModuleList]:
    """The module that runs the layers, and the layers."""
    for module in language.modules():
        for child in module.children():
            if isinstance(child, nn.ModuleList):
                return module, child
    raise TypeError(f"{type(language).__name__} has no list of layers")


def clip_gradients(groups: Sequence[Sequence[nn.Parameter]], most: float) -> None:
    """Scale all gradients so that their norm over all groups and processes is at most `most`.

    Args:
        groups: in each, parameters are either all divided or all whole.
        most: the norm.
    """
    gradients = [[p.grad for p in group if p.grad is not None] for group in groups]
    norms = [whole(nn.utils.get_total_norm(of_group)) for of_group in gradients if of_group]
    total = torch.stack(norms).norm()
    for group in groups:
        nn.utils.clip_grads_with_norm_(group, most, total)
