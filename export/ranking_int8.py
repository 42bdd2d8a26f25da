"""The 8-bit forms of a bundle's graph: an upper bound of each score first, float32 for the candidates.

Rows in 8 bits are a quarter of the memory to read. The blocks of rows in which the highest bounds are come first, then
the rows in them with the highest bounds, the candidates, which are scored in float32. If the k-th best of them is not
below the bound of any other row, the answer is that of float32, and the graph says so in `exact_lists`.

|u · t - u' · t'| <= |u| |t - t'| + |u - u'| |t'| for a query u and a row t that are rounded to u' and t'. `bound` holds
|t - t'| + |t'| / 100 of each row (see `int8_rows.Int8Rows`), minus infinity for what may not be recommended. Divided by
what multiplies the bounds, a score and its bound are one product with a bias.

There are two forms. "int8" has MatMulNBits, which reads the rows for each person anew; the query is rounded as it would
round it, so that what the rounding takes is known. A processor for which ONNX Runtime rounds in another way would leave
the bound unproven, and still far off: on MovieLens-1M scores lose a seventieth of it in the mean. "whole" multiplies
whole numbers (QGemm) for any number of people; the rows of a block share a scale, so the best of them is found before
scales and bounds are read. Processors before VNNI add up pairs of products in 16 bits, which the largest do not fit
into: the graph tries it on one product when it is opened, and claims nothing where it fails.

Dimensions: B people, P rows of the table, W width of a row, Q parts of a row that have a scale of their own, G blocks,
X excluded rows, C candidate blocks, R candidates.
"""

from onnx import TensorProto

from molar.engine.bundle import BLOCK, CANDIDATES_OF_BLOCK
from molar.export.ranking_steps import EXCLUDE, EXCLUDED, SCORE, external

INPUTS = ", float[{rows}] bound, int64[1] candidates"
WHOLE_INPUTS = INPUTS + ", float[{blocks}] block_bound, float[{blocks}] block_scale, bool some_off"
"""`candidates` is C, and a quarter of R: four rows of a block are candidates in the mean. `some_off`: whether any row
of an item has no bound, for which all bounds are read."""

OUTPUTS = ", bool[B] exact_lists"

_ROUND = """
    parts_shape = Constant <value_ints = [0, -1, {part}]> ()
    as_it_was = Constant <value_ints = [0, {width}]> ()
    tiny = Constant <value_float = 1e-12> ()
    largest_int = Constant <value_float = 127.0> ()
    hundred = Constant <value_float = 100.0> ()
    parts = Reshape (query, parts_shape)
    sizes = Abs (parts)
    size = ReduceMax <keepdims = 1> (sizes, axis_2)
    size_not_0 = Max (size, tiny)
    step = Div (size_not_0, largest_int)
    in_steps = Div (parts, step)
    whole_steps = Round (in_steps)
    rounded_parts = Mul (whole_steps, step)
    rounded = Reshape (rounded_parts, as_it_was)
    lost = Sub (query, rounded)
    length_lost = ReduceL2 <keepdims = 1> (lost, axis_1)
    length = ReduceL2 <keepdims = 1> (query, axis_1)
    lost_beside_bound = Mul (length_lost, hundred)
    uncertain = Max (length, lost_beside_bound, tiny)
    number_of_blocks = Constant <value_ints = [{blocks}]> ()
    rows_of_block = Constant <value_int = {block}> ()
    rows_in_block = Constant <value_ints = [{block}]> ()
    places_in_block = Constant <value_ints = [{places}]> ()
    blocks_shape = Constant <value_ints = [0, -1, {block}]> ()
    bound_shape = Constant <value_ints = [-1, {block}]> ()
    bound_in_blocks = Reshape (bound, bound_shape)
    wanted_blocks = Min (candidates, number_of_blocks)
"""

# (B, P) `ranked` and the bounds of all blocks (B, G).
_FLOATS = """
    beside_uncertain = Div (rounded, uncertain)
    scores = com.microsoft.MatMulNBits
        <K = {width}, N = {rows}, bits = 8, block_size = {part}, accuracy_level = 4>
        (beside_uncertain, table_int8, table_scale, , , bound)
    {exclude}
    ranked_blocks = Reshape (ranked, blocks_shape)
    best_of_block = ReduceMax <keepdims = 0> (ranked_blocks, axis_2)
"""

# What is left out is so far below 0 that no scale brings it back.
_WHOLE_NUMBERS = """
    middle = Constant <value = uint8 {{128}}> ()
    middle_of_rows = Constant <value = int8 {{0}}> ()
    middle_as_float = Constant <value_float = 128.0> ()
    scale_1 = Constant <value = float {{1.0}}> ()
    far_off = Constant <value_float = -1e38> ()
    largest_row = Constant <value = uint8[1,4] {{255, 255, 255, 255}}> ()
    largest_query = Constant <value = int8[4,1] {{127, 127, 127, 127}}> ()
    largest_product = Constant <value = int32 {{64516}}> ()
    product_here = MatMulInteger (largest_row, largest_query, middle, middle_of_rows)
    is_largest_product = Equal (product_here, largest_product)
    step_of_all = Squeeze (step, axis_2)
    step_of_bounds = Div (step_of_all, uncertain)
    above_0 = Add (whole_steps, middle_as_float)
    in_8_bits = Cast <to = 2> (above_0)
    query_in_8_bits = Reshape (in_8_bits, as_it_was)
    products = com.microsoft.QGemm <transB = 1>
        (query_in_8_bits, scale_1, middle, table_whole, scale_1, middle_of_rows)
    {excluded}
    far_off_stored = Where (excludes_stored, far_off, nothing_off)
    ranked = ScatterElements <axis = 1, reduction = "add"> (products, excluded_stored, far_off_stored)
    ranked_blocks = Reshape (ranked, blocks_shape)
    best_product = If (some_off) <
        then_branch = filtered () => (float[B,{blocks}] best_of_allowed) {{
            allowed_blocks = Add (ranked_blocks, bound_in_blocks)
            best_of_allowed = ReduceMax <keepdims = 0> (allowed_blocks, axis_2)
        }},
        else_branch = unfiltered () => (float[B,{blocks}] best_of_all) {{
            best_of_all = ReduceMax <keepdims = 0> (ranked_blocks, axis_2)
        }}>
    best_with_scale = Mul (best_product, block_scale)
    best_with_step = Mul (best_with_scale, step_of_bounds)
    best_of_block = Add (best_with_step, block_bound)
"""

# The C best blocks, and what ranks the rows in them.
_BEST_BLOCKS = """
    best_blocks_bound, best_blocks = TopK (best_of_block, wanted_blocks)
    each_block = Unsqueeze (best_blocks, axis_2)
    in_best_blocks = GatherND <batch_dims = 1> (ranked_blocks, each_block)
"""

# (B, C, `BLOCK`) bounds of those rows.
_ROW_BOUNDS = "row_bounds = Identity (in_best_blocks)"
_ROW_BOUNDS_OF_WHOLE = """
    scale_in_blocks = Gather (block_scale, each_block)
    step_in_blocks = Unsqueeze (step_of_bounds, axis_2)
    step_with_scale = Mul (scale_in_blocks, step_in_blocks)
    in_blocks_with_step = Mul (in_best_blocks, step_with_scale)
    bounds_there = Gather (bound_in_blocks, best_blocks)
    row_bounds = Add (in_blocks_with_step, bounds_there)
"""

# The R best rows in those blocks, scored in float32.
_SCORE = """
    rows_each = Constant <value_int = {each}> ()
    wanted_candidates = Mul (candidates, rows_each)
    rows_in_blocks = Mul (wanted_blocks, rows_in_block)
    wanted_rows = Min (wanted_candidates, rows_in_blocks)
    bounds_in_a_line = Reshape (row_bounds, all_in_one)
    candidate_bounds, candidate_places = TopK (bounds_in_a_line, wanted_rows)
    begin_of_block = Mul (best_blocks, rows_of_block)
    begin_of_rows = Unsqueeze (begin_of_block, axis_2)
    rows_of_blocks = Add (begin_of_rows, places_in_block)
    rows_in_a_line = Reshape (rows_of_blocks, all_in_one)
    selected_rows = GatherElements <axis = 1> (rows_in_a_line, candidate_places)
    candidate_vectors = Gather (table, selected_rows)
    {score}
    is_off = Less (candidate_bounds, barely_off)
    stored_scores = Where (is_off, off, exact)
"""

_CERTIFY = """
    end_of_line = Constant <value_ints = [-1]> ()
    kth_best_score = Gather <axis = 1> (best_scores, end_of_line)
    kth_best = Div (kth_best_score, uncertain)
    lowest_of_blocks = Gather <axis = 1> (best_blocks_bound, end_of_line)
    lowest_of_rows = Gather <axis = 1> (candidate_bounds, end_of_line)
    are_all_blocks = Equal (wanted_blocks, number_of_blocks)
    are_all_rows = Equal (wanted_rows, rows_in_blocks)
    other_blocks = Where (are_all_blocks, off, lowest_of_blocks)
    other_rows = Where (are_all_rows, off, lowest_of_rows)
    highest_left = Max (other_blocks, other_rows)
    none_better = GreaterOrEqual (kth_best, highest_left)
    none_left = Less (highest_left, barely_off)
    {certain}
    exact_lists = Squeeze (is_exact, axis_1)
"""


def sizes(rows: int, width: int, part: int) -> dict[str, int | str]:
    """What the text of the graph leaves open.

    Args:
        rows: P.
        width: W.
        part: numbers of a row that share a scale.
    """
    return {
        "rows": rows,
        "width": width,
        "part": part,
        "block": BLOCK,
        "each": CANDIDATES_OF_BLOCK,
        "blocks": rows // BLOCK,
        "places": ", ".join(map(str, range(BLOCK))),
    }


def inputs(form: str, rows: int, width: int, part: int) -> str:
    """What a form takes besides; further arguments as in `sizes`."""
    return (WHOLE_INPUTS if form == "whole" else INPUTS).format(**sizes(rows, width, part))


def steps(form: str, rows: int, width: int, part: int) -> str:
    """From `query` to `selected_rows` (B, R) and `stored_scores`; arguments as in `inputs`."""
    known = sizes(rows, width, part)
    blocks, rows_there = (_WHOLE_NUMBERS, _ROW_BOUNDS_OF_WHOLE) if form == "whole" else (_FLOATS, _ROW_BOUNDS)
    text = (_ROUND, blocks, _BEST_BLOCKS, rows_there, _SCORE)
    return "".join(text).format(exclude=EXCLUDE, excluded=EXCLUDED, score=SCORE, **known)


def certify(form: str) -> str:
    """From `best_scores` to `exact_lists`."""
    certain = "is_exact = Or (none_better, none_left)"
    if form == "whole":
        certain = "would_be_exact = Or (none_better, none_left)\n is_exact = And (would_be_exact, is_largest_product)"
    return _CERTIFY.format(certain=certain)


def filled_by_the_engine(form: str, rows: int, width: int, part: int) -> list[TensorProto]:
    """Initialisers that are not in the file; arguments as in `inputs`."""
    if form == "whole":
        return [external("table_whole", TensorProto.INT8, (rows, width))]
    return [
        external("table_int8", TensorProto.UINT8, (rows, width // part, part)),
        external("table_scale", TensorProto.FLOAT, (rows, width // part)),
    ]
