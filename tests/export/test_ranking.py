"""The graph around the user encoder, in each precision, beside NumPy."""

from dataclasses import dataclass

import numpy as np
import onnxruntime as ort
import pytest
from onnx import parser

from molar.engine.bundle import BLOCK, padded_rows
from molar.engine.int8_rows import Int8Rows, part_of
from molar.export import ranking_fp16
from molar.export.ranking import ranking_graph

WIDTH, ROWS, ITEMS, ADDED = 64, 640, 600, 8


@dataclass(frozen=True)
class Shop:
    """Tables, histories, and who may not be recommended what; `scores` (B, P + A) are what NumPy ranks by."""

    table: np.ndarray
    added: np.ndarray
    history: np.ndarray
    excluded: np.ndarray
    allowed: np.ndarray
    added_allowed: np.ndarray
    scores: np.ndarray


KINDS = ["all allowed", "one filter for all", "a filter for each", "scores ascend", "hardly anything allowed"]
ONE_FILTER = [kind for kind in KINDS if kind != "a filter for each"]


@pytest.fixture(params=KINDS)
def shop(request: pytest.FixtureRequest) -> Shop:
    rng = np.random.default_rng(0)
    people = 5
    table = rng.standard_normal((ROWS, WIDTH), dtype=np.float32)
    if request.param == "scores ascend":
        table = np.abs(table[:1]) * np.linspace(1, 2, ROWS, dtype=np.float32)[:, None]
    table[ITEMS:] = 0
    added = rng.standard_normal((ADDED, WIDTH), dtype=np.float32)
    history = rng.integers(0, ITEMS, (people, 7))
    history[0, -1] = ROWS + 1  # an added item
    history[1, :3] = -1
    excluded = np.concatenate([history, history[:, :1], np.full((people, 2), -1)], axis=1)  # one of them twice
    lines = people if request.param == "a filter for each" else 1
    share = {"all allowed": 1.0, "hardly anything allowed": 0.01}.get(request.param, 0.9)
    allowed = rng.random((lines, ROWS)) < share
    allowed[:, ITEMS:] = False
    added_allowed = np.arange(ADDED)[None] < 3
    both = np.concatenate([table, added])
    query = both[np.maximum(history, 0)].mean(axis=1)  # row 0 stands where there is no event, as in the graph
    scores = query @ both.T
    scores[:, :ROWS][np.broadcast_to(~allowed, (people, ROWS))] = -np.inf
    scores[:, ROWS:][np.broadcast_to(~added_allowed, (people, ADDED))] = -np.inf
    for line, rows in zip(scores, excluded, strict=True):
        line[rows[rows >= 0]] = -np.inf
    return Shop(table, added, history, excluded, allowed, added_allowed, scores)


def answer(shop: Shop, precision: str, k: int, candidates: int = 64) -> list[np.ndarray]:
    """A person is the mean of their events."""
    user = parser.parse_model(f"""<ir_version: 10, opset_import: ["": 20]>
        user (float[B,L,{WIDTH}] events, int64[B,L] history) => (float[B,{WIDTH}] query) {{
            axes = Constant <value_ints = [1]> ()
            query = ReduceMean <keepdims = 0> (events, axes)
        }}""")
    part = part_of(WIDTH)
    proto = ranking_graph(user, precision, WIDTH, ROWS, part)
    penalty, penalty_added = (np.where(a, 0, -1e9).astype(np.float32) for a in (shop.allowed, shop.added_allowed))
    feeds = {
        "history": shop.history,
        "table": shop.table.astype(np.float16 if precision == "fp16" else np.float32),
        "added": shop.added,
        "excluded": shop.excluded,
        "penalty_added": penalty_added,
    }
    options = ort.SessionOptions()
    rounded = Int8Rows.of(shop.table, part)
    in_8_bits = precision in ("int8", "whole")
    filled = {
        "packed": {"table_packed": shop.table},
        "int8": {"table_int8": rounded.table_int8, "table_scale": rounded.table_scale},
        "whole": rounded.whole(),
    }.get(precision, {})
    kept = {name: ort.OrtValue.ortvalue_from_numpy(values) for name, values in filled.items()}
    options.add_external_initializers(list(kept), list(kept.values()))
    some_off = not shop.allowed[:, :ITEMS].all()
    if in_8_bits:
        feeds["bound"] = np.where(shop.allowed[0], rounded.bound, np.float32(-np.inf))
        feeds["candidates"] = np.array([candidates])
    else:
        feeds["penalty"] = penalty
    if precision == "whole":
        feeds["block_bound"] = feeds["bound"].reshape(-1, BLOCK).max(axis=1)
        feeds |= {"block_scale": rounded.block_scale, "some_off": np.array(some_off)}
    if precision == "packed":
        feeds |= {"blocks_with_items": np.array([-(-ITEMS // BLOCK)]), "some_off": np.array(some_off)}
    if precision == "fp16":
        feeds |= {"answers": np.zeros(k, dtype=bool), "candidates": np.zeros(candidates, dtype=bool)}
    else:
        feeds["k"] = np.array([k])
    session = ort.InferenceSession(proto.SerializeToString(), options, providers=["CPUExecutionProvider"])
    names = ["best_rows", "best_scores", *(["exact_lists"] if in_8_bits else [])]
    return session.run(names, feeds)


def expected(shop: Shop, k: int) -> tuple[np.ndarray, np.ndarray]:
    """(B, k) rows and scores, minus infinity where nothing is left."""
    rows = np.argsort(-shop.scores, axis=1, kind="stable")[:, :k]
    return rows, np.take_along_axis(shop.scores, rows, axis=1)


@pytest.mark.parametrize("form", ["fp32", "packed"])
@pytest.mark.parametrize("k", [1, 10, 100, 603])
def test_float32_ranks_as_numpy(shop: Shop, k: int, form: str) -> None:
    rows, scores = answer(shop, form, k)
    truth, best = expected(shop, k)
    possible = np.isfinite(best)
    np.testing.assert_allclose(scores[possible], best[possible], atol=1e-4)
    found = np.take_along_axis(shop.scores, rows, axis=1)
    np.testing.assert_allclose(found[possible], best[possible], atol=1e-4)  # the same rows up to ties
    assert (scores[~possible] < -1e8).all()
    assert truth.shape == rows.shape


def whole_products_are_right() -> bool:
    """Whether this processor adds up products in more than 16 bits; where it does not, nothing may be claimed."""
    product = parser.parse_model("""<ir_version: 10, opset_import: ["": 20]>
        product (uint8[N,K] rows, int8[K,M] queries) => (int32[N,M] products) {
            products = MatMulInteger (rows, queries)
        }""")
    session = ort.InferenceSession(product.SerializeToString(), providers=["CPUExecutionProvider"])
    rows, queries = np.full((1, 4), 255, np.uint8), np.full((4, 1), 127, np.int8)
    return bool(session.run(None, {"rows": rows, "queries": queries})[0] == 4 * 255 * 127)


@pytest.mark.parametrize("form", ["int8", "whole"])
@pytest.mark.parametrize("shop", ONE_FILTER, indirect=True)
@pytest.mark.parametrize("k", [1, 10, 40])
def test_8_bits_say_when_their_answer_is_that_of_float32(shop: Shop, k: int, form: str) -> None:
    certain = 0
    for blocks in (10, 36, ROWS):
        rows, scores, exact = answer(shop, form, k, blocks)
        if form == "whole" and not whole_products_are_right():
            assert not exact.any()
            return
        _, best = expected(shop, k)
        possible = np.isfinite(best) & exact[:, None]
        np.testing.assert_allclose(scores[possible], best[possible], atol=1e-4)
        np.testing.assert_allclose(np.take_along_axis(shop.scores, rows, axis=1)[possible], best[possible], atol=1e-4)
        assert (scores[exact][~np.isfinite(best[exact])] < -1e8).all()
        certain += exact.sum()
    assert exact.all()  # all rows were candidates
    assert certain > len(exact)


@pytest.mark.parametrize("form", ["int8", "whole"])
@pytest.mark.parametrize("shop", ["one filter for all", "all allowed"], indirect=True)
@pytest.mark.parametrize(("k", "blocks"), [(100, 25), (4, 1)])
def test_8_bits_do_not_claim_what_they_cannot_know(shop: Shop, k: int, blocks: int, form: str) -> None:
    """With no more candidates than are asked for, the next bound is nearly always above the last score."""
    *_, exact = answer(shop, form, k, blocks)
    assert not exact.any()


@pytest.mark.parametrize("k", [1, 10])
def test_float16_costs_little(shop: Shop, k: int) -> None:
    rows, scores = answer(shop, "fp16", k)
    _, best = expected(shop, k)
    possible = np.isfinite(best)
    np.testing.assert_allclose(scores[possible], best[possible], rtol=5e-3, atol=5e-3)
    found = np.take_along_axis(shop.scores, rows, axis=1)[possible]
    np.testing.assert_allclose(found, best[possible], rtol=5e-3, atol=5e-3)


def test_bounds_hold() -> None:
    """No score from 8 bits is further off than its bound says, also for queries of one large number."""
    rng = np.random.default_rng(1)
    table = (rng.standard_normal((512, 256)) * np.exp(rng.normal(size=(512, 1)))).astype(np.float32)
    table[:10] = 0
    table[10:20, 0] = 1e4
    rows = Int8Rows.of(table, part_of(256))
    kept = ((rows.table_int8.astype(np.float32) - 128) * rows.table_scale[..., None]).reshape(512, 256)
    queries = rng.standard_normal((50, 256)).astype(np.float32)
    queries[:5, 0] = 1e4
    parts = queries.reshape(50, 1, 256)
    step = np.abs(parts).max(axis=2, keepdims=True) / 127
    rounded = (np.round(parts / step) * step).reshape(50, 256)
    off = np.abs(queries @ table.T - rounded @ kept.T)
    lengths = np.maximum(np.linalg.norm(queries, axis=1), 100 * np.linalg.norm(queries - rounded, axis=1))
    assert (off <= lengths[:, None] * rows.bound + 1e-2).all()
    assert (off > 1e-2).any()


def test_parts_of_a_row() -> None:
    widths = (128, 256, 512, 384, 192, 64, 48, 32, 24, 10)
    assert [part_of(width) for width in widths] == [128, 256, 256, 128, 64, 64, 16, 32, 0, 0]


def test_tables_fall_into_blocks_of_blocks() -> None:
    for items in (1, 64, 65, 3_000, 10_000, 99_999, 1_000_000, 10_000_000):
        rows = padded_rows(items)
        assert items <= rows <= max(items + 63, 1.04 * items)
        assert rows % BLOCK == 0
        assert rows % 16_384 == 0 or items <= 32 * 16_384


def test_blocks_may_be_found_in_blocks(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    usual = answer(shop, "fp16", 10, 40)
    monkeypatch.setattr(ranking_fp16, "_AT_ONCE", 20)
    in_blocks = answer(shop, "fp16", 10, 40)
    monkeypatch.setattr(ranking_fp16, "_BLOCK", 4)
    twice = answer(shop, "fp16", 10, 40)
    possible = usual[1] > -1e8
    assert possible.any()
    for rows, scores in (in_blocks, twice):
        np.testing.assert_array_equal(scores, usual[1])
        np.testing.assert_array_equal(rows[possible], usual[0][possible])
