"""The 8-bit form of a bundle's graph: an upper bound of each score first, float32 for the candidates.

Rows in 8 bits are a quarter of the memory to read. The candidates are the blocks of rows in which the highest bounds
are; they are scored in float32, and if the k-th best of them is not below the bound of any other block, the answer is
that of float32, and the graph says so in `exact_lists`.

|u · t - u' · t'| <= |u| |t - t'| + |u - u'| |t'| for a query u and a row t that are rounded to u' and t'. `bound` holds
|t - t'| + |t'| / 100 of each row (see `int8_rows.Int8Rows`). Divided by what multiplies the bounds, a score and its
bound are one product with a bias.

Bounds come by one of two ways. `MatMulNBits` reads the rows as fast as memory gives them, but for each person anew; the
query is rounded as it would round it, so that what the rounding takes is known. A processor for which ONNX Runtime
rounds in another way would leave the bound unproven, and still far off: on MovieLens-1M scores lose a seventieth of it
in the mean. `MatMulInteger` is for many people: it goes over the table in chunks whose scores stay in the cache, and
leaves the best whole number of each block, whose rows share a scale. What may not be recommended is left out of the
bounds there only where whole blocks are; the engine uses it where there is no filter. Processors before VNNI add up
pairs of products in 16 bits, which the largest do not fit into: `whole_products` says whether they do here.

Dimensions: B people, P rows of the table, W width of a row, Q parts of a row that have a scale of their own, G blocks,
H rows of a chunk, X excluded rows, C candidate blocks.
"""

from onnx import TensorProto

from molar.engine.bundle import INT8_BLOCK
from molar.engine.int8_rows import chunk_rows
from molar.export.ranking_steps import EXCLUDE, SCORE, external

INPUTS = """, float[{rows}] bound, uint8[{chunks},{chunk},{width}] chunks_int8, float[{blocks}] block_scale,
    bool in_integers, int64[1] candidates"""

OUTPUTS = ", bool[B] exact_lists, bool whole_products"

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
    blocks_shape = Constant <value_ints = [0, -1, {block}]> ()
    bound_shape = Constant <value_ints = [-1, {block}]> ()
    bound_in_blocks = Reshape (bound, bound_shape)
"""

# (B, G) bounds of the best rows of all blocks.
_FLOATS = """
    beside_uncertain = Div (rounded, uncertain)
    scores = com.microsoft.MatMulNBits
        <K = {width}, N = {rows}, bits = 8, block_size = {part}, accuracy_level = 4>
        (beside_uncertain, table_int8, table_scale, , , bound)
    {exclude}
    ranked_blocks = Reshape (ranked, blocks_shape)
    best_in_floats = ReduceMax <keepdims = 0> (ranked_blocks, axis_2)
    always = Constant <value_int = 1> ()
    whole_in_floats = Cast <to = 9> (always)
"""

_INTEGERS = """
        step_of_all = Squeeze (step, axis_2)
        step_of_bounds = Div (step_of_all, uncertain)
        steps_in_8_bits = Cast <to = 3> (whole_steps)
        steps_of_query = Reshape (steps_in_8_bits, as_it_was)
        people_last = Transpose <perm = [1, 0]> (steps_of_query)
        excluded_people_last = Transpose <perm = [1, 0]> (excluded)
        rows_of_chunk = Constant <value_int = {chunk}> ()
        middle = Constant <value = uint8 {{128}}> ()
        middle_of_query = Constant <value = int8 {{0}}> ()
        largest_row = Constant <value = uint8[1,4] {{255, 255, 255, 255}}> ()
        largest_query = Constant <value = int8[4,1] {{127, 127, 127, 127}}> ()
        largest_product = Constant <value = int32 {{64516}}> ()
        product_here = MatMulInteger (largest_row, largest_query, middle, middle_of_query)
        is_largest_product = Equal (product_here, largest_product)
        whole_in_integers = Squeeze (is_largest_product)
        lowest = Constant <value = int32 {{-1073741824}}> ()
        highest = Constant <value = int32 {{1073741824}}> ()
        rows_and_people = Constant <value_ints = [{blocks}, -1]> ()
        blocks_of_chunk = Constant <value_ints = [{blocks_of_chunk}, {block}, -1]> ()
        end_of_chunks, best_of_chunks = Scan <num_scan_inputs = 1, body = chunk
            (int64 begin, uint8[{chunk},{width}] chunk_rows) => (int64 next_begin, int32[{blocks_of_chunk},B] best) {{
            next_begin = Add (begin, rows_of_chunk)
            products = MatMulInteger (chunk_rows, people_last, middle, middle_of_query)
            behind_begin = Sub (excluded_people_last, begin)
            is_behind = GreaterOrEqual (behind_begin, no_row)
            is_before = Less (behind_begin, rows_of_chunk)
            is_here = And (is_behind, is_before)
            place_here = Where (is_here, behind_begin, no_row)
            at_most = Where (is_here, lowest, highest)
            not_excluded = ScatterElements <axis = 0, reduction = "min"> (products, place_here, at_most)
            in_blocks = Reshape (not_excluded, blocks_of_chunk)
            best = ReduceMax <keepdims = 0> (in_blocks, axis_1)
        }}> (no_row, chunks_int8)
        best_of_all = Reshape (best_of_chunks, rows_and_people)
        people_first = Transpose <perm = [1, 0]> (best_of_all)
        as_float = Cast <to = 1> (people_first)
        with_scale = Mul (as_float, block_scale)
        with_step = Mul (with_scale, step_of_bounds)
        block_bound = ReduceMax <keepdims = 0> (bound_in_blocks, axis_1)
        best_in_integers = Add (with_step, block_bound)
"""

_EITHER = """
    best_of_block, whole_products = If (in_integers) <
        then_branch = integers () => (float[B,{blocks}] best_in_integers, bool whole_in_integers) {{{integers}}},
        else_branch = floats () => (float[B,{blocks}] best_in_floats, bool whole_in_floats) {{{floats}}}>
"""

_SCORE = """
    number_of_blocks = Constant <value_ints = [{blocks}]> ()
    rows_of_block = Constant <value_int = {block}> ()
    places_in_block = Constant <value_ints = [{places}]> ()
    table_shape = Constant <value_ints = [-1, {block}, {width}]> ()
    vectors_shape = Constant <value_ints = [0, -1, {width}]> ()
    wanted_blocks = Min (candidates, number_of_blocks)
    best_blocks_bound, best_blocks = TopK (best_of_block, wanted_blocks)
    begin_of_block = Mul (best_blocks, rows_of_block)
    begin_of_rows = Unsqueeze (begin_of_block, axis_2)
    rows_in_blocks = Add (begin_of_rows, places_in_block)
    candidate_rows = Reshape (rows_in_blocks, all_in_one)
    table_in_blocks = Reshape (table, table_shape)
    vectors_in_blocks = Gather (table_in_blocks, best_blocks)
    candidate_vectors = Reshape (vectors_in_blocks, vectors_shape)
    {score}
    candidate_bounds_in_blocks = Gather (bound_in_blocks, best_blocks)
    candidate_bounds = Reshape (candidate_bounds_in_blocks, all_in_one)
    is_off = Less (candidate_bounds, barely_off)
    allowed_scores = Where (is_off, off, exact)
    number_excluded = Shape <start = 1, end = 2> (excluded)
    number_of_candidates = Shape <start = 1, end = 2> (allowed_scores)
    with_excluded = Add (k, number_excluded)
    wanted_rows = Min (with_excluded, number_of_candidates)
    best_with_excluded, candidate_place = TopK (allowed_scores, wanted_rows)
    selected_rows = GatherElements <axis = 1> (candidate_rows, candidate_place)
    each_row = Unsqueeze (selected_rows, axis_2)
    each_excluded = Unsqueeze (excluded, axis_1)
    same_row = Equal (each_row, each_excluded)
    same_as_float = Cast <to = 1> (same_row)
    how_often = ReduceMax <keepdims = 0> (same_as_float, axis_2)
    is_excluded = Cast <to = 9> (how_often)
    stored_scores = Where (is_excluded, off, best_with_excluded)
"""

CERTIFY = """
    end_of_line = Constant <value_ints = [-1]> ()
    kth_best_score = Gather <axis = 1> (best_scores, end_of_line)
    kth_best = Div (kth_best_score, uncertain)
    lowest_bound = Gather <axis = 1> (best_blocks_bound, end_of_line)
    none_better = GreaterOrEqual (kth_best, lowest_bound)
    none_left = Less (lowest_bound, barely_off)
    are_all_blocks = Equal (wanted_blocks, number_of_blocks)
    none_better_or_left = Or (none_better, none_left)
    would_be_exact = Or (none_better_or_left, are_all_blocks)
    is_exact = And (would_be_exact, whole_products)
    exact_lists = Squeeze (is_exact, axis_1)
"""


def sizes(rows: int, width: int, part: int) -> dict[str, int | str]:
    """What the text of the graph leaves open.

    Args:
        rows: P.
        width: W.
        part: numbers of a row that share a scale.
    """
    chunk = chunk_rows(rows)
    return {
        "rows": rows,
        "width": width,
        "part": part,
        "chunk": chunk,
        "chunks": rows // chunk,
        "block": INT8_BLOCK,
        "blocks": rows // INT8_BLOCK,
        "blocks_of_chunk": chunk // INT8_BLOCK,
        "places": ", ".join(map(str, range(INT8_BLOCK))),
    }


def steps(rows: int, width: int, part: int) -> str:
    """From `query` to `selected_rows` (B, k + X) and `stored_scores`; arguments as in `sizes`.

    Only rows that have one scale have whole numbers in common with their block: for others there is one way.
    """
    known = sizes(rows, width, part)
    floats, integers = _FLOATS.format(exclude=EXCLUDE, **known), _INTEGERS.format(**known)
    if part == width:
        bounds = _EITHER.format(integers=integers, floats=floats, **known)
    else:
        bounds = f"{floats} best_of_block = Identity (best_in_floats)\n whole_products = Identity (whole_in_floats)"
    return _ROUND.format(**known) + bounds + _SCORE.format(score=SCORE, **known)


def filled_by_the_engine(rows: int, width: int, part: int) -> list[TensorProto]:
    """Initialisers that are not in the file; arguments as in `sizes`."""
    return [
        external("table_int8", TensorProto.UINT8, (rows, width // part, part)),
        external("table_scale", TensorProto.FLOAT, (rows, width // part)),
    ]
