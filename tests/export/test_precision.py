"""How weights are stored in the smaller forms."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper

from molar.export.precision import convert


def test_int8_has_a_scale_for_each_output_and_small_convolutions_stay_in_16_bits(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    rows = np.geomspace(1e-3, 1, 64, dtype=np.float32)[:, None]  # a scale for all would lose the first ones
    weights = {
        "small": rng.standard_normal((64, 3, 4, 4)).astype(np.float32),
        "large": rng.standard_normal((400, 64, 2, 2)).astype(np.float32),
        "linear": rng.standard_normal((64, 400)).astype(np.float32) * rows,
    }
    nodes = [
        helper.make_node("Conv", ["x", "small"], ["y"]),
        helper.make_node("Conv", ["y", "large"], ["z"]),
        helper.make_node("Flatten", ["z"], ["flat"]),
        helper.make_node("Gemm", ["flat", "linear"], ["out"], transB=1),
    ]
    graph = helper.make_graph(
        nodes,
        "graph",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 5, 5])],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, [1, 64])],
        [numpy_helper.from_array(values, name) for name, values in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    onnx.save(model, tmp_path / "fp32.onnx")
    convert(tmp_path / "fp32.onnx", "int8", tmp_path / "int8.onnx")

    stored = {
        tensor.name: numpy_helper.to_array(tensor) for tensor in onnx.load(tmp_path / "int8.onnx").graph.initializer
    }
    assert stored["small.fp16"].dtype == np.float16
    assert stored["large.int8"].dtype == np.int8
    assert stored["large.scale"].shape == (400,)
    assert stored["linear.scale"].shape == (64,)
    x = rng.standard_normal((1, 3, 5, 5)).astype(np.float32)
    expected, found = (
        ort.InferenceSession(tmp_path / name, providers=["CPUExecutionProvider"]).run(None, {"x": x})[0][0]
        for name in ("fp32.onnx", "int8.onnx")
    )
    np.testing.assert_allclose(
        found / rows[:, 0], expected / rows[:, 0], atol=0.03 * np.abs(expected / rows[:, 0]).max()
    )
