"""Steps that the forms of a bundle's graph share; names and dimensions as in `ranking`."""

from collections.abc import Sequence

from onnx import TensorProto

CONSTANTS = """
    off = Constant <value_float = -1e9> ()
    nothing_off = Constant <value_float = 0.0> ()
    barely_off = Constant <value_float = -1e8> ()
    all_in_one = Constant <value_ints = [0, -1]> ()
"""

# The rows of the table that a person is not to get (B, X), and which of them are meant: the others are row 0.
EXCLUDED = """
    is_row = GreaterOrEqual (excluded, no_row)
    is_before_added = Less (excluded, first_added)
    excludes_stored = And (is_row, is_before_added)
    excluded_stored = Where (excludes_stored, excluded, no_row)
"""

# (B, P) `scores` -> `ranked`, without those rows.
EXCLUDE = f"""
{EXCLUDED}
    off_stored = Where (excludes_stored, off, nothing_off)
    ranked = ScatterElements <axis = 1, reduction = "add"> (scores, excluded_stored, off_stored)
"""

# `candidate_vectors` (B, C, W) -> `exact` (B, C), their scores in float32.
SCORE = """
    column = Unsqueeze (query, axis_2)
    exact_column = MatMul (candidate_vectors, column)
    exact = Squeeze (exact_column, axis_2)
"""


def external(name: str, kind: int, shape: Sequence[int]) -> TensorProto:
    """An initialiser that is not in the file of the graph: the engine gives its values when it opens the graph."""
    tensor = TensorProto(name=name, data_type=kind, dims=shape, data_location=TensorProto.EXTERNAL)
    tensor.external_data.add(key="location", value="items.safetensors")
    return tensor
