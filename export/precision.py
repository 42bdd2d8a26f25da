"""Smaller forms of an exported graph: half the size in float16, a quarter in int8.

int8 here means that weights are stored in 8 bits and unfolded to float32 when the graph is opened: products in 8 bits
(onnxruntime's `quantize_dynamic`) are faster and lose more of an item's nearest neighbours (`molar bench export`).
Small convolutions, the first ones of a vision tower, do not bear 8 bits and stand in 16.
"""

from pathlib import Path

import numpy as np
import onnx
from onnx import helper, numpy_helper

PRECISIONS = ("fp32", "fp16", "int8")

_SMALL = 2048  # numbers; a smaller weight stays as it is
_SMALL_CONVOLUTION = 100_000  # numbers; a smaller one is stored in float16


def convert(source: Path, precision: str, path: Path) -> None:
    """Write a float32 graph in another precision, checked by onnx.

    Args:
        source: the float32 graph.
        precision: of `PRECISIONS`. fp16 computes in float16 (inputs and outputs stay float32).
        path: of the new file; may be `source`.
    """
    proto = onnx.load(source)
    if precision == "fp16":
        proto = _to_float16(proto)
    elif precision == "int8":
        _store_in_int8(proto)
    onnx.checker.check_model(proto, full_check=True)
    path.write_bytes(proto.SerializeToString())


def _to_float16(proto: onnx.ModelProto) -> onnx.ModelProto:
    from onnxruntime.transformers.float16 import convert_float_to_float16
    from onnxruntime.transformers.onnx_model import OnnxModel

    model = OnnxModel(convert_float_to_float16(proto, keep_io_types=True, disable_shape_infer=True))
    model.topological_sort()  # the conversion puts its casts last
    return model.model


def _store_in_int8(proto: onnx.ModelProto) -> None:
    graph = proto.graph
    used_by = {name: node for node in graph.node for name in node.input}
    weights, unfolding = [], []
    for weight in graph.initializer:
        values = numpy_helper.to_array(weight)
        if values.dtype != np.float32 or values.ndim < 2 or values.size < _SMALL:
            weights.append(weight)
            continue
        node = used_by[weight.name]
        if node.op_type == "Conv" and values.size < _SMALL_CONVOLUTION:
            weights.append(numpy_helper.from_array(values.astype(np.float16), f"{weight.name}.fp16"))
            unfolding.append(
                helper.make_node("Cast", [f"{weight.name}.fp16"], [weight.name], to=onnx.TensorProto.FLOAT)
            )
            continue
        axis = _output_axis(node, values.ndim)
        stored, scale = _rounded(values, axis)
        weights += [
            numpy_helper.from_array(stored, f"{weight.name}.int8"),
            numpy_helper.from_array(scale, f"{weight.name}.scale"),
        ]
        unfolding.append(
            helper.make_node(
                "DequantizeLinear", [f"{weight.name}.int8", f"{weight.name}.scale"], [weight.name], axis=axis
            )
        )
    for field, content in ((graph.initializer, weights), (graph.node, [*unfolding, *graph.node])):
        del field[:]
        field.extend(content)


def _output_axis(node: onnx.NodeProto, axes: int) -> int:
    """Along which a weight has a scale for each output: filters, rows of an embedding, columns of a product."""
    transposed = any(attribute.name == "transB" and attribute.i for attribute in node.attribute)
    return 0 if node.op_type in ("Conv", "Gather") or transposed else axes - 1


def _rounded(values: np.ndarray, axis: int) -> tuple[np.ndarray, np.ndarray]:
    """int8 values and the float32 scale of each slice along `axis`."""
    others = tuple(i for i in range(values.ndim) if i != axis)
    scale = np.maximum(np.abs(values).max(others, keepdims=True), 1e-12) / 127
    return np.round(values / scale).astype(np.int8), scale.reshape(-1).astype(np.float32)
