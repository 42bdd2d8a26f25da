"""The user encoder as an ONNX graph, and what every exported graph goes through.

Dimensions: B people, L events, W width of a row of an item table.
"""

import contextlib
import logging
import warnings
from collections.abc import Iterator, Mapping
from typing import Any

import onnx
import torch
from onnxscript import opset20 as op
from optimum.exporters.base import ExporterConfig
from optimum.utils import DummyInputGenerator, NormalizedConfig
from torch import nn

from molar.engine.errors import ModelError
from molar.export.ranking import OPSET
from molar.export.stacked_encoder import can_stack, stacked_user
from molar.train.model import Molar
from molar.train.transformer import left_padded


class UserGraph(nn.Module):
    """The rows of a history -> the vector whose dot product with a row of a table is that item's score.

    Args:
        model: trained, in evaluation mode.
    """

    def __init__(self, model: Molar) -> None:
        super().__init__()
        self.model = model

    def forward(self, events: torch.Tensor, history: torch.Tensor) -> torch.Tensor:
        """Read histories.

        Args:
            events: (B, L, W) float32, rows of a mode's item table, any values where there is no event.
            history: (B, L) int64, oldest first, padded on the left with -1.

        Returns:
            (B, W) float32.
        """
        positions, mask = left_padded(history >= 0, self.model.config.max_history)
        last = torch.full((1,), history.shape[1] - 1, device=history.device)
        u, h = (side if side is None else side[:, 0] for side in self.model.user_vectors(events, positions, mask, last))
        return self.model.query(u, h)


class _UserInputs(DummyInputGenerator):  # type: ignore[misc]
    """Example inputs; the batch has two rows, because the exporter takes a dimension of one for a constant."""

    SUPPORTED_INPUT_NAMES = ("events", "history")

    def __init__(self, task: str, normalized_config: NormalizedConfig, **_: Any) -> None:
        self.width = normalized_config.config["width"]

    def generate(
        self, input_name: str, framework: str = "pt", int_dtype: str = "int64", float_dtype: str = "fp32"
    ) -> torch.Tensor:
        if input_name == "history":
            return torch.tensor([[0, 1, 0], [-1, 1, 0]])
        return torch.randn(2, 3, self.width, generator=torch.Generator().manual_seed(0))


class UserExporterConfig(ExporterConfig):  # type: ignore[misc]
    """Inputs, outputs and dynamic axes of the user encoder."""

    NORMALIZED_CONFIG_CLASS = NormalizedConfig
    DUMMY_INPUT_GENERATOR_CLASSES = (_UserInputs,)

    @property
    def inputs(self) -> dict[str, dict[int, str]]:
        """Input name -> axis -> its name."""
        return {"events": {0: "batch", 1: "length"}, "history": {0: "batch", 1: "length"}}

    @property
    def outputs(self) -> dict[str, dict[int, str]]:
        """Output name -> axis -> its name."""
        return {"query": {0: "batch"}}


def export_users(model: Molar) -> dict[str, onnx.ModelProto]:
    """The user encoder as ONNX, by device, for any number of people and every length that the model reads.

    On a GPU, where each operation has to be started, both sides are one (`stacked_encoder`); on a CPU this would be
    quicker for one person, and slower for many.

    Raises:
        ModelError: torch gave no graph, or fixed a size.
    """
    exporter = UserExporterConfig({"width": table_width(model)}, task="feature-extraction")
    own: dict[Any, Any] = {torch.ops.aten.scaled_dot_product_attention.default: _attention}
    cpu = export_graph(UserGraph(model).eval(), exporter, {"length": (1, model.config.max_history)}, own)
    return {"cpu": cpu, "cuda": stacked_user(model) if can_stack(model) else cpu}


def table_width(model: Molar) -> int:
    """W."""
    return model.config.dim * (2 if model.config.content and model.config.ids else 1)


def export_graph(
    graph: nn.Module,
    exporter: ExporterConfig,
    limits: Mapping[str, tuple[int, int]],
    translations: dict[Any, Any] | None = None,
) -> onnx.ModelProto:
    """Export with the inputs, outputs and dynamic axes of an exporter configuration, without local paths.

    Args:
        graph: in evaluation mode.
        exporter: of optimum.
        limits: smallest and largest size of an axis, by its name; 1 and no end for the others.
        translations: torch's operation -> ours in ONNX, where it is not to be torch's own translation.

    Raises:
        ModelError: torch gave no program, or fixed the size of a dynamic axis.
    """
    example = exporter.generate_dummy_inputs(framework="pt")
    axes = {name for dynamic in exporter.inputs.values() for name in dynamic.values()}
    dims = {}
    for name in axes:
        smallest, largest = limits.get(name, (1, 2**31 - 1))
        dims[name] = torch.export.Dim(name, min=smallest, max=largest)
    with _quiet_exporter():
        program = torch.onnx.export(
            graph,
            tuple(example[name] for name in exporter.inputs),
            dynamo=True,
            opset_version=OPSET,
            dynamic_shapes=tuple(
                {axis: dims[name] for axis, name in axis_names.items()} for axis_names in exporter.inputs.values()
            ),
            input_names=list(exporter.inputs),
            output_names=list(exporter.outputs),
            external_data=False,
            verbose=False,
            custom_translation_table=translations,
        )
    if program is None:
        raise ModelError("torch.onnx.export returned no program")
    proto = program.model_proto
    for value in proto.graph.input:
        for axis, name in exporter.inputs[value.name].items():
            if not value.type.tensor_type.shape.dim[axis].dim_param:  # torch does not say so when it fixes a size
                raise ModelError(f"the exported graph has a fixed size on the axis {name!r} of {value.name}")
    strip_metadata(proto)
    onnx.checker.check_model(proto, full_check=True)
    return proto


def _attention(q: Any, k: Any, v: Any, mask: Any, dropout_p: float = 0.0, is_causal: bool = False, **_: Any) -> Any:
    """`scaled_dot_product_attention` as `Block` calls it, in six operations: torch's own translation takes twenty.

    The mask leaves each query something to look at.
    """
    scores = op.Mul(op.MatMul(q, op.Transpose(k, perm=[0, 1, 3, 2])), float(q.shape[-1]) ** -0.5)
    return op.MatMul(op.Softmax(op.Where(mask, scores, -1e9), axis=-1), v)


@contextlib.contextmanager
def _quiet_exporter() -> Iterator[None]:
    """Silence the exporter's remarks about itself: deprecated internals, axes that share a name, no torchvision."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


def strip_metadata(proto: onnx.ModelProto) -> None:
    """Remove what the exporter notes: stack traces with absolute paths, shapes that a conversion would contradict."""
    del proto.metadata_props[:]
    del proto.graph.metadata_props[:]
    del proto.graph.value_info[:]
    for node in proto.graph.node:
        del node.metadata_props[:]
        node.doc_string = ""
    for value in (*proto.graph.input, *proto.graph.output):
        del value.metadata_props[:]
