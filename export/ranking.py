"""What stands around the user encoder in a bundle's graph: history rows and item tables in, the best rows out.

Five forms of one graph, in ONNX's own text form (https://onnx.ai/onnx/repo-docs/Syntax.html):

fp32   one product with the table.
packed the same for a CPU: ONNX Runtime gets the table when the graph is opened, and brings its rows into the order in
       which its product reads them, at the speed of the memory. Nothing else goes over all scores but what finds the
       best of each block, unless a filter does.
fp16   the same in half precision, and the best candidates in float32, see `ranking_fp16`. For a GPU.
int8   for a CPU: bounds from rows in 8 bits, then the candidates in float32, see `ranking_int8`.
whole  the same with bounds from whole numbers, for processors that are quick at them.

The k best rows stand in the k blocks of rows whose best rows are best, so the best are found by block first: ONNX
Runtime's TopK over all rows takes a hundred times as long where scores ascend along the rows.

Dimensions: B people, L events, P rows of the table (a multiple of `BLOCK`; those beyond the items are not allowed), A
rows for added items, which count from P on, W width of a row, X excluded rows.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import onnx
from onnx import TensorProto, checker, compose, helper, parser

from molar.engine.bundle import BLOCK, GRAPHS, PACKED_GRAPH, WHOLE_GRAPH
from molar.export import ranking_fp16, ranking_int8
from molar.export.ranking_steps import CONSTANTS, EXCLUDE, external

IR_VERSION, OPSET = 10, 20
_IN_8_BITS = ("int8", "whole")
_INPUTS = """int64[B,L] history, {stored}[P,W] table, float[A,W] added, int64[B,X] excluded,
    float[F,A] penalty_added"""


_EVENTS = """
    axis_1 = Constant <value_ints = [1]> ()
    axis_2 = Constant <value_ints = [2]> ()
    no_row = Constant <value_int = 0> ()
    one_row = Constant <value_int = 1> ()
    rows_of_table = Shape <start = 0, end = 1> (table)
    rows_of_added = Shape <start = 0, end = 1> (added)
    first_added = Squeeze (rows_of_table)
    end_of_added = Squeeze (rows_of_added)
    last_of_table = Sub (first_added, one_row)
    last_of_added = Sub (end_of_added, one_row)
    row_of_table = Clip (history, no_row, last_of_table)
    stored = Gather (table, row_of_table)
    event_of_table = Cast <to = 1> (stored)
    behind_table = Sub (history, first_added)
    row_of_added = Clip (behind_table, no_row, last_of_added)
    event_of_added = Gather (added, row_of_added)
    is_stored = Less (history, first_added)
    is_stored_event = Unsqueeze (is_stored, axis_2)
    events = Where (is_stored_event, event_of_table, event_of_added)
"""

# The best of each block, and the best blocks: (B, C, `BLOCK`) `in_best_blocks`.
_BEST_BLOCKS = {
    "fp32": """
    scores = Gemm <transB = 1> (query, table, penalty)
    {exclude}
    blocks = Reshape (ranked, block_shape)
    best_of_block = ReduceMax <keepdims = 0> (blocks, axis_2)
    number_of_blocks = Shape <start = 1, end = 2> (best_of_block)
    wanted_blocks = Min (k, number_of_blocks)
    best_blocks_score, best_blocks = TopK <sorted = 0> (best_of_block, wanted_blocks)
    block_index = Unsqueeze (best_blocks, axis_2)
    in_best_blocks = GatherND <batch_dims = 1> (blocks, block_index)
""",
    # Where only rows behind the items are off, they matter in the last block that has items: one more is wanted.
    "packed": """
    scores = Gemm <transB = 1> (query, table_packed)
    {exclude}
    blocks = Reshape (ranked, block_shape)
    penalty_blocks = Reshape (penalty, block_shape)
    one_more = Add (k, one_row)
    wanted_blocks = Min (one_more, blocks_with_items)
    axis_0 = Constant <value_ints = [0]> ()
    no_block = Constant <value_ints = [0]> ()
    best_blocks, in_best_blocks = If (some_off) <
        then_branch = filtered () => (int64[B,C] best_allowed, float[B,C,{block}] in_allowed) {{
            allowed_blocks = Add (blocks, penalty_blocks)
            best_of_allowed = ReduceMax <keepdims = 0> (allowed_blocks, axis_2)
            best_allowed_score, best_allowed = TopK <sorted = 0> (best_of_allowed, wanted_blocks)
            allowed_index = Unsqueeze (best_allowed, axis_2)
            in_allowed = GatherND <batch_dims = 1> (allowed_blocks, allowed_index)
        }},
        else_branch = unfiltered () => (int64[B,C] best, float[B,C,{block}] in_best) {{
            best_of_all = ReduceMax <keepdims = 0> (blocks, axis_2)
            best_with_items = Slice (best_of_all, no_block, blocks_with_items, axis_1)
            best_score, best = TopK <sorted = 0> (best_with_items, wanted_blocks)
            best_index = Unsqueeze (best, axis_2)
            best_in_blocks = GatherND <batch_dims = 1> (blocks, best_index)
            penalty_of_line = Gather <axis = 1> (penalty_blocks, best)
            penalty_there = Squeeze (penalty_of_line, axis_0)
            in_best = Add (best_in_blocks, penalty_there)
        }}>
""",
}

# The best rows in the best blocks.
_BEST_ROWS = """
    rows_in_a_line = Reshape (in_best_blocks, all_in_one)
    rows_there_are = Mul (wanted_blocks, rows_of_block)
    wanted_rows = Min (k, rows_there_are)
    selected, place_of_row = TopK <sorted = 1> (rows_in_a_line, wanted_rows)
    which_block = Div (place_of_row, rows_of_block)
    row_of_block = Mod (place_of_row, rows_of_block)
    block = GatherElements <axis = 1> (best_blocks, which_block)
    block_begin = Mul (block, rows_of_block)
    selected_rows = Add (block_begin, row_of_block)
"""

_BLOCKS = """
    block_shape = Constant <value_ints = [0, -1, {block}]> ()
    rows_of_block = Constant <value_int = {block}> ()
"""

_MERGE = """
    added_scores = Gemm <transB = 1> (query, added, penalty_added)
    excludes_added = GreaterOrEqual (excluded, first_added)
    excluded_behind = Sub (excluded, first_added)
    excluded_added = Where (excludes_added, excluded_behind, no_row)
    off_added = Where (excludes_added, off, nothing_off)
    added_ranked = ScatterElements <axis = 1, reduction = "add"> (added_scores, excluded_added, off_added)
    end = Add (first_added, end_of_added)
    rows_added = Range (first_added, end, one_row)
    shape_added = Shape (added_ranked)
    added_in_lines = Expand (rows_added, shape_added)
    all_scores = Concat <axis = 1> ({stored_scores}, added_ranked)
    all_rows = Concat <axis = 1> (selected_rows, added_in_lines)
    best_scores, best_place = TopK (all_scores, k)
    best_rows = GatherElements <axis = 1> (all_rows, best_place)
"""


def write_graphs(
    users: Mapping[str, onnx.ModelProto], folder: Path, precisions: Sequence[str], width: int, rows: int, part: int
) -> None:
    """Write the graphs of a bundle, checked by onnx; user encoders by device, the rest as in `ranking_graph`."""
    files = {precision: GRAPHS[precision] for precision in precisions}
    if "int8" in precisions:  # a catalogue for which it matters
        files["packed"] = PACKED_GRAPH
        if part == width:
            files["whole"] = WHOLE_GRAPH
    for form, name in files.items():
        user = users["cuda" if form == "fp16" else "cpu"]
        proto = ranking_graph(user, form, width, rows, part)
        checker.check_model(_without_external(proto), full_check=True)
        (folder / name).write_bytes(proto.SerializeToString())


def ranking_graph(user: onnx.ModelProto, form: str, width: int, rows: int = 0, part: int = 0) -> onnx.ModelProto:
    """Put a user encoder between the tables that it reads and the table that it ranks.

    Args:
        user: `events` (B, L, W) and `history` (B, L) -> `query` (B, W).
        form: "fp32", "packed", "fp16", "int8" or "whole".
        width: W.
        rows: P; only fp32 does without.
        part: numbers of a row that share a scale; only int8 and whole need it.

    Returns:
        `best_rows` (B, K) int64, `best_scores` (B, K) float32 and `query` (B, W) float32, the vector of each person, of
        history, table, added, excluded, penalty, added penalty and k; rows that may not be recommended come last, with
        scores below -1e8. fp16 takes, instead of k, `answers` (K,) and `candidates` (C,), C at least K, any booleans of
        which it reads how many there are; packed takes the table a second time, as an external initialiser
        `table_packed`, how many blocks have items (1,), and whether there are rows of items with a penalty: where there
        are none, the penalty has one line. int8 and whole take, instead of the penalty, what `ranking_int8` names, and
        their rows as external initialisers.
    """
    inputs = _INPUTS.format(stored="float16" if form == "fp16" else "float")
    outputs = "int64[B,K] best_rows, float[B,K] best_scores, float[B,W] query"
    inputs += ranking_fp16.INPUTS if form == "fp16" else ", int64[1] k"
    if form in _IN_8_BITS:
        inputs += ranking_int8.inputs(form, rows, width, part)
        outputs += ranking_int8.OUTPUTS
        steps = [ranking_int8.steps(form, rows, width, part), _MERGE.format(stored_scores="stored_scores")]
        steps.append(ranking_int8.certify(form))
    elif form == "fp16":
        steps = [ranking_fp16.steps(rows), _MERGE.format(stored_scores="stored_scores")]
    else:
        inputs += ", float[F,P] penalty"
        inputs += ", int64[1] blocks_with_items, bool some_off" if form == "packed" else ""
        best = _BLOCKS + _BEST_BLOCKS[form] + _BEST_ROWS
        steps = [best.format(exclude=EXCLUDE, block=BLOCK), _MERGE.format(stored_scores="selected")]
    before = parser.parse_graph(f"events ({inputs}) => (float[B,L,W] events) {{{_EVENTS}{CONSTANTS}}}")
    after = parser.parse_graph(f"ranking ({inputs}, float[B,W] query) => ({outputs}) {{{''.join(steps)}}}")
    middle = compose.add_prefix_graph(user.graph, "user/", rename_inputs=False, rename_outputs=False)
    after_inputs = [value for value in after.input if value.name != "query"]
    graph = helper.make_graph(
        [*before.node, *middle.node, *after.node],
        "recommender",
        after_inputs,
        list(after.output),
        [*middle.initializer, *_filled_by_the_engine(form, rows, width, part)],
    )
    opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid("com.microsoft", 1)]
    return helper.make_model(graph, ir_version=IR_VERSION, opset_imports=opsets[: 2 if form in _IN_8_BITS else 1])


def _filled_by_the_engine(form: str, rows: int, width: int, part: int) -> list[TensorProto]:
    if form in _IN_8_BITS:
        return ranking_int8.filled_by_the_engine(form, rows, width, part)
    return [external("table_packed", TensorProto.FLOAT, (rows, width))] if form == "packed" else []


def _without_external(proto: onnx.ModelProto) -> onnx.ModelProto:
    """As the checker wants it, which looks for the files of external initialisers: they become inputs."""
    checked = onnx.ModelProto()
    checked.CopyFrom(proto)
    inside = [tensor for tensor in proto.graph.initializer if tensor.data_location != TensorProto.EXTERNAL]
    for tensor in proto.graph.initializer:
        if tensor not in inside:
            value = helper.make_tensor_value_info(tensor.name, tensor.data_type, list(tensor.dims))
            checked.graph.input.append(value)
    del checked.graph.initializer[:]
    checked.graph.initializer.extend(inside)
    return checked
