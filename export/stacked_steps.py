"""The steps of `stacked_encoder`'s graph, in ONNX's own text form; names and dimensions as there."""

# Events (S, B L, D) of both sides, at their places; who may look at whom; turns (S, 1, L, 2 D).
BEGIN = """
    number = Shape <start = 1, end = 2> (history)
    longest = Constant <value_ints = [{longest}]> ()
    begin = Sub (longest, number)
    along_events = Constant <value_ints = [2]> ()
    cos = Slice (all_cos, begin, longest, along_events)
    sin = Slice (all_sin, begin, longest, along_events)
    places = Slice (all_places, begin, longest, along_events)
    people_and_events = Shape (history)
    sides = Constant <value_ints = [{sides}]> ()
    rest = Constant <value_ints = [-1]> ()
    apart = Concat <axis = 0> (sides, people_and_events, rest)
    together = Constant <value_ints = [{sides}, -1, {dim}]> ()
    each_with_sides = Constant <value_ints = [-1, {sides}, {dim}]> ()
    in_heads = Constant <value_ints = [0, 0, 0, {heads}, {head}]> ()
    in_twice_heads = Constant <value_ints = [0, 0, 0, {twice_heads}, {head}]> ()
    in_lines = Constant <value_ints = [{sides}, -1, {heads}, 1, {head}]> ()
    zero = Constant <value_int = 0> ()
    one = Constant <value_int = 1> ()
    last = Constant <value_int = -1> ()
    axis_0 = Constant <value_ints = [0]> ()
    axis_1 = Constant <value_ints = [1]> ()
    axes_1_2 = Constant <value_ints = [1, 2]> ()
    off = Constant <value_float = -1e9> ()
    number_of_events = Squeeze (number)
    order = Range (zero, number_of_events, one)
    asking = Unsqueeze (order, axis_1)
    looked_at = Unsqueeze (order, axis_0)
    before = GreaterOrEqual (asking, looked_at)
    itself = Equal (asking, looked_at)
    valid = GreaterOrEqual (history, zero)
    valid_of_all = Unsqueeze (valid, axis_1)
    valid_before = And (before, valid_of_all)
    of_each = Or (valid_before, itself)
    mask = Unsqueeze (of_each, axis_1)
    itself_last = Gather <axis = 0> (itself, last)
    of_last = Or (valid, itself_last)
    mask_of_last = Unsqueeze (of_last, axes_1_2)
    events_of_sides = Reshape (events, each_with_sides)
    sides_first = Transpose <perm = [1, 0, 2]> (events_of_sides)
    {read}
    read_apart = Reshape (read, apart)
    placed = Add (read_apart, places)
    x_0 = Reshape (placed, together)
"""

# A block of all events: queries, keys and values of all of them.
ASK_ALL = """
    projected_{n} = Add (product_{n}, read_bias_{n})
    projected_apart_{n} = Reshape (projected_{n}, apart)
    both_{n}, changed_{n}, v_{n}{gate} = Split <axis = -1> (projected_apart_{n}, read_parts)
    both_cos_{n} = Mul (both_{n}, cos)
    changed_sin_{n} = Mul (changed_{n}, sin)
    turned_{n} = Add (both_cos_{n}, changed_sin_{n})
    turned_heads_{n} = Reshape (turned_{n}, in_twice_heads)
    heads_first_{n} = Transpose <perm = [0, 1, 3, 2, 4]> (turned_heads_{n})
    q_{n}, k_{n} = Split <axis = 2, num_outputs = 2> (heads_first_{n})
    kept_{n} = Identity (x_{n})
    mask_{n} = Identity (mask)
"""

# The top block: keys and values of all events, the query of the last.
ASK_LAST = """
    shown_{n} = Add (product_{n}, read_bias_{n})
    shown_apart_{n} = Reshape (shown_{n}, apart)
    key_{n}, changed_key_{n}, v_{n} = Split <axis = -1, num_outputs = 3> (shown_apart_{n})
    once_cos, twice_cos = Split <axis = -1, num_outputs = 2> (cos)
    once_sin, twice_sin = Split <axis = -1, num_outputs = 2> (sin)
    key_cos_{n} = Mul (key_{n}, once_cos)
    key_sin_{n} = Mul (changed_key_{n}, once_sin)
    turned_{n} = Add (key_cos_{n}, key_sin_{n})
    turned_heads_{n} = Reshape (turned_{n}, in_heads)
    k_{n} = Transpose <perm = [0, 1, 3, 2, 4]> (turned_heads_{n})
    norm_apart_{n} = Reshape (norm_{n}, apart)
    norm_last_{n} = Gather <axis = 2> (norm_apart_{n}, last)
    asked_{n} = MatMul (norm_last_{n}, last_weight)
    asking_{n} = Add (asked_{n}, last_bias)
    query_{n}, changed_query_{n}{gate} = Split <axis = -1, num_outputs = {asked}> (asking_{n})
    query_cos_{n} = Mul (query_{n}, last_cos)
    query_sin_{n} = Mul (changed_query_{n}, last_sin)
    turned_query_{n} = Add (query_cos_{n}, query_sin_{n})
    q_{n} = Reshape (turned_query_{n}, in_lines)
    x_apart_{n} = Reshape (x_{n}, apart)
    kept_{n} = Gather <axis = 2> (x_apart_{n}, last)
    mask_{n} = Identity (mask_of_last)
"""

BLOCK = """
    norm_{n} = LayerNormalization <axis = -1, epsilon = 0.00001> (x_{n}, ones)
    product_{n} = MatMul (norm_{n}, read_weight_{n})
    {ask}
    v_heads_{n} = Reshape (v_{n}, in_heads)
    values_{n} = Transpose <perm = [0, 1, 3, 2, 4]> (v_heads_{n})
    keys_{n} = Transpose <perm = [0, 1, 2, 4, 3]> (k_{n})
    scores_{n} = MatMul (q_{n}, keys_{n})
    masked_{n} = Where (mask_{n}, scores_{n}, off)
    weights_{n} = Softmax <axis = -1> (masked_{n})
    mixed_{n} = MatMul (weights_{n}, values_{n})
    events_first_{n} = Transpose <perm = [0, 1, 3, 2, 4]> (mixed_{n})
    mixed_together_{n} = Reshape (events_first_{n}, together)
    out_product_{n} = MatMul (mixed_together_{n}, out_weight_{n})
    attended_{n} = Add (out_product_{n}, out_bias_{n})
    {gated_attention}
    middle_{n} = Add (kept_{n}, said_by_attention_{n})
    middle_norm_{n} = LayerNormalization <axis = -1, epsilon = 0.00001> (middle_{n}, ones)
    in_product_{n} = MatMul (middle_norm_{n}, in_weight_{n})
    hidden_{n} = Add (in_product_{n}, in_bias_{n})
    {feed_forward}
    x_{next} = Add (middle_{n}, said_{n})
"""

GATED_ATTENTION = """
    gate_together_{n} = Reshape (gate_{n}, together)
    open_{n} = Sigmoid (gate_together_{n})
    said_by_attention_{n} = Mul (attended_{n}, open_{n})
"""

GATED_FEED_FORWARD = """
    opened_{n}, shown_there_{n}, gate_there_{n} = Split <axis = -1> (hidden_{n}, hidden_parts)
    squashed_{n} = Sigmoid (opened_{n})
    let_through_{n} = Mul (opened_{n}, squashed_{n})
    inner_{n} = Mul (let_through_{n}, shown_there_{n})
    last_product_{n} = MatMul (inner_{n}, last_weight_{n})
    fed_{n} = Add (last_product_{n}, last_bias_{n})
    open_there_{n} = Sigmoid (gate_there_{n})
    said_{n} = Mul (fed_{n}, open_there_{n})
"""

PLAIN_FEED_FORWARD = """
    inner_{n} = Gelu <approximate = "tanh"> (hidden_{n})
    last_product_{n} = MatMul (inner_{n}, last_weight_{n})
    said_{n} = Add (last_product_{n}, last_bias_{n})
"""

END = """
    final_norm = LayerNormalization <axis = -1, epsilon = 0.00001> (x_{n}, ones)
    people_first = Transpose <perm = [1, 0, 2]> (final_norm)
    as_rows = Constant <value_ints = [-1, {width}]> ()
    side_by_side = Reshape (people_first, as_rows)
    weighted = Mul (side_by_side, factor)
    query = Add (weighted, shift)
"""
