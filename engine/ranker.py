"""Runs a bundle's graph: rows of a history in, rows of the best items out.

Dimensions: B requests, P rows of a table, A slots for added items, W width of a row.
"""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import onnxruntime as ort

from molar.engine import bundle as bundles
from molar.engine.catalog_item import Allowed
from molar.engine.errors import BundleError, RequestError
from molar.engine.filters import Filters
from molar.engine.histories import pad_left, pad_right
from molar.engine.int8_rows import Int8Rows
from molar.engine.item_tables import ItemTables, TableState
from molar.engine.recorded import RecordedRuns, scored_again
from molar.engine.runtime import open_session

_CANDIDATE_BLOCKS = 64  # of 16 rows of 8 bits, or twice as many as are asked for
# In one run, on a CPU 256 MB of them: the product packs the table anew in each.
_MOST_SCORES = {"cpu": 2**26, "cuda": 2**28}
_MOST_REQUESTS = 256
FEW = 4  # requests; for more of them 8-bit rows of a large table are read once for all, or float32 is quicker
_FEW_FILTERED = 8  # the same for a large table and requests with a filter, which are never read for at once
_LARGE = 65_536  # rows
_MOST_COMPARED = 2**24  # pairs of a row that was found and one that is excluded, with 8 bits


@dataclass(frozen=True)
class RankRequest:
    """What one person is to be recommended.

    Attributes:
        history: rows of the catalogue, oldest first; not empty.
        k: how many.
        mode: which table ranks.
        excluded: rows that are left out.
        allowed: only these; None allows all.
    """

    history: Sequence[int]
    k: int
    mode: str
    excluded: Sequence[int] = ()
    allowed: Allowed | None = None


class Ranked(NamedTuple):
    """An answer.

    Attributes:
        rows: (K,) int64 of the catalogue, best first; fewer than were asked for where fewer may be recommended.
        scores: (K,) float32.
        query: (W,) float32, the person's vector; its dot product with an item's row is the score.
        added_ids: ids of the added items that there were, by row.
    """

    rows: np.ndarray
    scores: np.ndarray
    query: np.ndarray
    added_ids: Mapping[int, str]


class Ranker:
    """The graph, its tables, and the form in which they are quickest where it runs.

    Args:
        folder: of the bundle.
        manifest: of the bundle.
        device: "auto", "cuda" or "cpu".
        precision: "auto": float16 on a GPU; on a CPU 8 bits if the bundle has them, with the answers of float32. Or
            one of `bundle.PRECISIONS`.

    Attributes:
        device: "cuda" or "cpu", where the graph really runs.
        precision: one of `bundle.PRECISIONS`.
        tables: of the items.
        largest: how many requests may run together.
        repeated: how many requests were answered again in float32, because 8 bits left the answer open.
    """

    def __init__(self, folder: Path, manifest: bundles.Manifest, device: str, precision: str = "auto") -> None:
        self._folder = folder
        self._max_history = manifest.max_history
        self._width = manifest.dim
        # Whether whole numbers of 8-bit rows can be added up: one scale for a row, and a processor that can.
        self._whole_products = manifest.int8_part == manifest.dim
        opened = open_session(folder / bundles.GRAPHS["fp32"], device)
        self.device = opened.device
        self.precision = self._chosen(precision, manifest)
        self._sessions = {"fp32": opened.session}
        self.repeated = 0
        self._packs = (self.precision, self.device) == ("fp32", "cpu") and "int8" in manifest.precisions
        self._with_table: dict[str, tuple[object, ort.InferenceSession]] = {}
        self._filters = Filters()
        in_int8 = None
        if self.precision == "int8":
            tensors = bundles.map_tensors(folder / bundles.INT8_TABLES, bundles.int8_tensors(manifest))
            in_int8 = {mode: Int8Rows.named(tensors, mode) for mode in manifest.modes}
        tables = bundles.map_tensors(folder / bundles.TABLES, bundles.table_tensors(manifest))
        self.tables = ItemTables(tables, manifest.items, self.device, self.precision == "fp16", in_int8)
        self._most_scores = _MOST_SCORES[self.device]
        self._most_in_floats = max(1, min(_MOST_REQUESTS, self._most_scores // self.tables.rows))
        self.largest = self._most_in_floats
        self._recorded = None
        if self.precision == "fp16" and self.device == "cuda":
            self._recorded = RecordedRuns(folder / bundles.GRAPHS["fp16"], self._max_history)
        if self.precision == "int8" and self._whole_products and self.tables.rows >= _LARGE:
            bounds = 3 * self.tables.rows // bundles.INT8_BLOCK
            self.largest = max(1, min(_MOST_REQUESTS, self._most_scores // bounds))

    def __call__(self, requests: Sequence[RankRequest]) -> list[Ranked]:
        """Rank for requests of one mode, up to `largest` of them in one run of the graph."""
        form = self.precision if self.precision != "int8" or self._suits_int8(requests) else "fp32"
        most = self.largest if form == "int8" else self._most_in_floats
        if len(requests) > most:
            parts = [requests[begin : begin + most] for begin in range(0, len(requests), most)]
            return [answer for part in parts for answer in self(part)]
        state = self.tables.state
        rows, scores, queries, exact = self._run(form, state, requests)
        inexact = np.flatnonzero(~exact)
        self.repeated += len(inexact)
        for begin in range(0, len(inexact), self._most_in_floats):
            again = inexact[begin : begin + self._most_in_floats]
            again_rows, again_scores, *_ = self._run("fp32", state, [requests[int(i)] for i in again])
            rows[again, : again_rows.shape[1]] = again_rows
            scores[again, : again_rows.shape[1]] = again_scores
        rows = self.tables.catalog_rows(rows, state)
        counts = (scores > bundles.NOT_ALLOWED).sum(axis=1).tolist()
        return [
            Ranked(line[: min(request.k, count)], line_scores[: min(request.k, count)], query, state.added_ids)
            for request, count, line, line_scores, query in zip(requests, counts, rows, scores, queries, strict=True)
        ]

    def _run(
        self, form: str, state: TableState, requests: Sequence[RankRequest]
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """(B, K) rows and scores, (B, W) queries, and (B,) whether the rows are those of float32."""
        mode = requests[0].mode
        added = state.added[mode]
        k = min(max(request.k for request in requests), self.tables.rows + len(added))
        history, excluded = self._padded(requests, state)
        if form == "fp16" and self._recorded and all(request.allowed is None for request in requests):
            try:
                if found := self._recorded.run(mode, state, history, excluded, k):
                    return *found, np.ones(len(requests), dtype=bool)
            except BundleError as error:
                warnings.warn(f"CUDA graphs are not used: {error}", stacklevel=2)
                self._recorded = None
        session = self._session(form, state, mode)
        binding = session.io_binding()
        binding.bind_cpu_input("history", history)
        binding.bind_ortvalue_input("table", state.stored[mode])
        binding.bind_cpu_input("added", added)
        binding.bind_cpu_input("excluded", excluded)
        self._bind_what_is_allowed(binding, form, state, requests)
        names = ["best_rows", "best_scores", "query"]
        if form == "fp16":
            binding.bind_cpu_input("answers", np.zeros(k, dtype=bool))
            binding.bind_cpu_input("candidates", np.zeros(scored_again(k, self.tables.rows), dtype=bool))
        else:
            binding.bind_cpu_input("k", np.array([k]))
        if form == "int8":
            names += ["exact_lists", "whole_products"]
            binding.bind_cpu_input("candidates", np.array([_candidate_blocks(k)]))
            binding.bind_cpu_input("chunks_int8", state.in_int8[mode].chunks)
            binding.bind_cpu_input("block_scale", state.in_int8[mode].block_scale)
            binding.bind_cpu_input("in_integers", np.array(self._in_integers(requests)))
        for name in names:
            binding.bind_output(name)
        session.run_with_iobinding(binding)
        rows, scores, queries, *certain = binding.copy_outputs_to_cpu()
        if certain and not certain[1]:
            self._whole_products = False
        return rows, scores, queries, certain[0] if certain else np.ones(len(rows), dtype=bool)

    def _padded(self, requests: Sequence[RankRequest], state: TableState) -> tuple[np.ndarray, np.ndarray]:
        """(B, L) histories and (B, X) excluded rows, as the graph counts them.

        A history whose items are all gone reads as one of no events.
        """
        padded = []
        for lists, pad in (
            ([request.history for request in requests], partial(pad_left, max_history=self._max_history)),
            ([request.excluded for request in requests], pad_right),
        ):
            rows = pad(lists)
            if rows.max() >= self.tables.items:  # items that were added, of which some may be gone
                rows = pad([self.tables.graph_rows(one, state) for one in lists])
            padded.append(rows)
        return padded[0], padded[1]

    def _suits_int8(self, requests: Sequence[RankRequest]) -> bool:
        """Bounds in 8 bits are the same for all who share a run; for many who are filtered, float32 is quicker."""
        people, allowed = len(requests), requests[0].allowed
        k = max(request.k for request in requests)
        excluded = max(len(request.excluded) for request in requests)
        return (
            all(request.allowed is allowed for request in requests)
            and (people <= (_FEW_FILTERED if self.tables.rows >= _LARGE else FEW) or self._in_integers(requests))
            and people * (k + excluded) * excluded <= _MOST_COMPARED
            and people * _candidate_blocks(k) * bundles.INT8_BLOCK * self._width <= self._most_scores
        )

    def _in_integers(self, requests: Sequence[RankRequest]) -> bool:
        suits = len(requests) > FEW and self.tables.rows >= _LARGE and requests[0].allowed is None
        return suits and self._whole_products

    def _bind_what_is_allowed(
        self, binding: ort.IOBinding, form: str, state: TableState, requests: Sequence[RankRequest]
    ) -> None:
        mode = requests[0].mode
        # One line serves all requests that share a filter.
        different = list({id(request.allowed): request.allowed for request in requests}.values())
        lines = different if len(different) == 1 else [request.allowed for request in requests]
        added = [self._filters.penalty_added(state, allowed, mode) for allowed in lines]
        binding.bind_cpu_input("penalty_added", np.concatenate(added))
        if form == "int8":
            binding.bind_cpu_input("bound", self._filters.bound(state, lines[0], state.in_int8[mode]))
        elif lines == [None]:
            binding.bind_ortvalue_input("penalty", state.penalty_on_device)
        else:
            penalties = [self._filters.penalty(state, allowed) for allowed in lines]
            binding.bind_cpu_input("penalty", penalties[0] if len(penalties) == 1 else np.concatenate(penalties))

    def _session(self, form: str, state: TableState, mode: str) -> ort.InferenceSession:
        if form == "int8":
            rows = state.in_int8[mode]
            filled = {"table_int8": rows.table_int8, "table_scale": rows.table_scale}
            return self._session_with_table(bundles.GRAPHS["int8"], mode, rows, filled)
        if form == "fp32" and self._packs:
            table = state.host[mode]
            return self._session_with_table(bundles.PACKED_GRAPH, mode, table, {"table_packed": table})
        if form not in self._sessions:
            self._sessions[form] = open_session(self._folder / bundles.GRAPHS[form], self.device).session
        return self._sessions[form]

    def _session_with_table(
        self, graph: str, mode: str, table: object, filled: Mapping[str, np.ndarray]
    ) -> ort.InferenceSession:
        """ONNX Runtime makes its own copy of a table that it gets here, in the order in which its product reads it."""
        known = self._with_table.get(mode)
        if known is None or known[0] is not table:
            session = open_session(self._folder / graph, self.device, filled).session
            for values in filled.values():
                bundles.forget_pages(values)
            known = self._with_table[mode] = table, session
        return known[1]

    def _chosen(self, precision: str, manifest: bundles.Manifest) -> str:
        if precision == "auto":
            precision = "fp16" if self.device == "cuda" else "int8" if "int8" in manifest.precisions else "fp32"
        if precision not in bundles.PRECISIONS:
            raise RequestError(f"precision {precision!r}; choose auto, {', '.join(bundles.PRECISIONS)}")
        if precision not in manifest.precisions:
            raise RequestError(f"this bundle has no {precision} form; it has {', '.join(manifest.precisions)}")
        if precision == "int8" and self.device != "cpu":
            raise RequestError("int8 tables are for a CPU; choose fp16 or fp32 on a GPU")
        return precision


def _candidate_blocks(k: int) -> int:
    return max(_CANDIDATE_BLOCKS, 2 * k)
