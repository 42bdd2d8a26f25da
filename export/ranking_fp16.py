"""How the float16 graph finds its candidates: on a GPU, in few operations over all rows, each over few bytes.

Scores and what is left out stay in half precision until the candidates are scored again. The best rows are found from
the best of blocks, and those from the best of blocks of blocks: ONNX Runtime's TopK runs on one of a GPU's many cores
for each person, and is quick up to 1,024 numbers. A block is not 16 rows in a row but every P / 16-th, so that the
threads of the pooling read neighbouring numbers.

Dimensions as in `ranking`; C candidates.
"""

from molar.export.ranking_steps import EXCLUDED, SCORE

INPUTS = ", bool[K] answers, bool[C] candidates, float[F,P] penalty"
"""Of `answers` and `candidates` only the lengths are read: a size that is known when the graph is opened becomes a
constant there, and a number given as an input never does: it would have to be brought from the GPU for each TopK."""

_BLOCK = 16
_AT_ONCE = 1024  # numbers, in which TopK finds the best in one go

_SCAN = """
    k = Shape (answers)
    wanted = Shape (candidates)
    off_float = Constant <value_float = -30000.0> ()
    off_16 = Cast <to = 10> (off_float)
    barely_off_float = Constant <value_float = -20000.0> ()
    barely_off_16 = Cast <to = 10> (barely_off_float)
    most_float = Constant <value_float = 65504.0> ()
    most_16 = Cast <to = 10> (most_float)
    penalty_32 = Max (penalty, off_float)
    penalty_16 = Cast <to = 10> (penalty_32)
    query_16 = Cast <to = 10> (query)
    products = Gemm <transB = 1> (query_16, table)
    scores = Add (products, penalty_16)
{excluded}
    off_stored = Where (excludes_stored, off_16, most_16)
    best_0 = ScatterElements <axis = 1, reduction = "min"> (scores, excluded_stored, off_stored)
    in_blocks = Constant <value_ints = [0, 1, {block}, -1]> ()
    in_a_column = Constant <value_ints = [-1, 1]> ()
"""

# (B, n) numbers -> (B, n / 16), the best of each block.
_POOL = """
    blocks_{level} = Reshape (best_{below}, in_blocks)
    pooled_{level} = MaxPool <kernel_shape = [{block}, 1], strides = [{block}, 1]> (blocks_{level})
    best_{level} = Reshape (pooled_{level}, all_in_one)
"""

# The best blocks of a level -> all that is in them, one level below.
_INTO = """
    steps_{level} = Constant <value_ints = {steps}> ()
    column_{level} = Reshape (steps_{level}, in_a_column)
    line_{level} = Unsqueeze (found_{above}, axis_1)
    within_{level} = Add (line_{level}, column_{level})
    there_{level} = Reshape (within_{level}, all_in_one)
    scores_{level} = GatherElements <axis = 1> (best_{level}, there_{level})
"""

_BEST = """
    number_{level} = Shape <start = 1, end = 2> ({scores})
    wanted_{level} = Min (wanted, number_{level})
    best_score_{level}, {place} = TopK <sorted = 0> ({scores}, wanted_{level})
"""

_WHERE = """
    found_{level} = GatherElements <axis = 1> (there_{level}, place_{level})
"""

_SCORE_AGAIN = """
    selected_rows = Identity (found_0)
    candidates_as_stored = Gather (table, selected_rows)
    candidate_vectors = Cast <to = 1> (candidates_as_stored)
    {score}
    is_off = Less (best_score_0, barely_off_16)
    stored_scores = Where (is_off, off, exact)
"""


def steps(rows: int) -> str:
    """From `query` (B, W) to `selected_rows` and `stored_scores` (B, C), for a table of so many rows P."""
    sizes = [rows]  # of the levels
    while sizes[-1] > _AT_ONCE and sizes[-1] % _BLOCK == 0:
        sizes.append(sizes[-1] // _BLOCK)
    top = len(sizes) - 1
    text = [_SCAN.format(block=_BLOCK, excluded=EXCLUDED)]
    text += [_POOL.format(level=level, below=level - 1, block=_BLOCK) for level in range(1, top + 1)]
    text.append(_BEST.format(level=top, scores=f"best_{top}", place=f"found_{top}"))
    for level in reversed(range(top)):
        text.append(_INTO.format(level=level, above=level + 1, steps=[i * sizes[level + 1] for i in range(_BLOCK)]))
        text.append(_BEST.format(level=level, scores=f"scores_{level}", place=f"place_{level}"))
        text.append(_WHERE.format(level=level))
    text.append(_SCORE_AGAIN.format(score=SCORE))
    return "".join(text)
