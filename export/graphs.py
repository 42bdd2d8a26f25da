"""The recommender as one ONNX graph.

Dimensions: B people, L events, N items, D width, X excluded rows.
"""

import contextlib
import logging
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import onnx
import torch
from optimum.exporters.base import ExporterConfig
from optimum.utils import DummyInputGenerator, NormalizedConfig
from torch import nn
from torch.nn import functional as F

from molar.engine.errors import ModelError
from molar.train.model import Molar
from molar.train.transformer import left_padded

OPSET = 20
_TAKEN_OFF = 1e9  # from the score of an item that may not be recommended


class RecommenderGraph(nn.Module):
    """History rows, item table, excluded rows -> the k best rows and their scores.

    Args:
        model: trained, in evaluation mode.
        k: how many rows to return; `export_recommender` makes it an input of the graph.
    """

    def __init__(self, model: Molar, k: int) -> None:
        super().__init__()
        self.model = model
        self.k = k

    def forward(
        self, history: torch.Tensor, table: torch.Tensor, excluded: torch.Tensor, allowed: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Rank all items.

        Args:
            history: (B, L) int64 rows, oldest first, padded on the left with -1.
            table: (N, 2 D) float32, a mode's item table.
            excluded: (B, X) int64 rows that may not be recommended, padded anywhere with -1.
            allowed: (N,) bool, False for items that may not be recommended to anybody.

        Returns:
            rows: (B, k) int64, best first.
            scores: (B, k) float32.
        """
        valid = history >= 0
        positions, mask = left_padded(valid, self.model.config.max_history)
        events = F.embedding(history.clamp(min=0), table)
        last = torch.full_like(history[:, 0], history.shape[1] - 1)
        u, h = (side if side is None else side[:, 0] for side in self.model.user_vectors(events, positions, mask, last))
        scores = self.model.query(u, h) @ table.T
        scores = scores - torch.where(allowed, 0.0, _TAKEN_OFF)
        # Padding points at row 0 and takes nothing off it.
        penalty = torch.where(excluded >= 0, -_TAKEN_OFF, 0.0)
        scores = scores.scatter_add(1, excluded.clamp(min=0), penalty)
        best, rows = scores.topk(self.k, dim=1)
        return rows, best


class _RecommenderInputs(DummyInputGenerator):  # type: ignore[misc]
    """Example inputs; the batch has two rows, because the exporter takes a dimension of one for a constant."""

    SUPPORTED_INPUT_NAMES = ("history", "table", "excluded", "allowed")

    def __init__(self, task: str, normalized_config: NormalizedConfig, **_: Any) -> None:
        self.items = normalized_config.config["items"]
        self.width = normalized_config.config["width"]

    def generate(
        self, input_name: str, framework: str = "pt", int_dtype: str = "int64", float_dtype: str = "fp32"
    ) -> torch.Tensor:
        if input_name == "history":
            return torch.tensor([[0, 1, 0], [-1, 1, 0]])
        if input_name == "excluded":
            return torch.tensor([[0, 1, -1, -1], [1, -1, -1, -1]])
        if input_name == "allowed":
            return torch.ones(self.items, dtype=torch.bool)
        return torch.randn(self.items, self.width, generator=torch.Generator().manual_seed(0))


class RecommenderExporterConfig(ExporterConfig):  # type: ignore[misc]
    """Inputs, outputs and dynamic axes of `recommender.onnx`."""

    NORMALIZED_CONFIG_CLASS = NormalizedConfig
    DUMMY_INPUT_GENERATOR_CLASSES = (_RecommenderInputs,)

    @property
    def inputs(self) -> dict[str, dict[int, str]]:
        """Input name -> axis -> its name."""
        return {
            "history": {0: "batch", 1: "length"},
            "table": {0: "items"},
            "excluded": {0: "batch", 1: "excluded_length"},
            "allowed": {0: "items"},
        }

    @property
    def outputs(self) -> dict[str, dict[int, str]]:
        """Output name -> axis -> its name."""
        return {"rows": {0: "batch", 1: "k"}, "scores": {0: "batch", 1: "k"}}


def export_recommender(model: Molar, path: Path) -> None:
    """Write `recommender.onnx`, checked by onnx.

    Raises:
        ModelError: the graph came out in a form that cannot take `k` as an input.
    """
    width = model.config.dim * (2 if model.config.content and model.config.ids else 1)
    exporter = RecommenderExporterConfig({"items": 5, "width": width}, task="feature-extraction")
    proto = export_graph(RecommenderGraph(model, k=2).eval(), exporter, {"length": (1, model.config.max_history)})
    _take_k_as_input(proto)
    onnx.checker.check_model(proto, full_check=True)
    path.write_bytes(proto.SerializeToString())


def export_graph(graph: nn.Module, exporter: ExporterConfig, limits: Mapping[str, tuple[int, int]]) -> onnx.ModelProto:
    """Export with the inputs, outputs and dynamic axes of an exporter configuration, without local paths.

    Args:
        graph: in evaluation mode.
        exporter: of optimum.
        limits: smallest and largest size of an axis, by its name; 1 and no end for the others.

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


def _take_k_as_input(proto: onnx.ModelProto) -> None:
    """The exporter writes k as a constant; make it an input, so that one graph serves any k."""
    sorters = [node for node in proto.graph.node if node.op_type == "TopK"]
    if len(sorters) != 1:
        raise ModelError(f"the exported graph has {len(sorters)} TopK nodes instead of 1")
    sorters[0].input[1] = "k"
    proto.graph.input.append(onnx.helper.make_tensor_value_info("k", onnx.TensorProto.INT64, [1]))
    for output in proto.graph.output:
        output.type.tensor_type.shape.dim[1].dim_param = "k"


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
