"""Runs a bundle's graph: rows of a history in, rows of the best items out.

Dimensions: B requests, P rows of a table, A slots for added items, W width of a row.
"""

import warnings
from collections.abc import Callable, Mapping, Sequence
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
from molar.engine.runtime import open_session, whole_numbers

_CANDIDATE_BLOCKS = 64  # of rows of 8 bits, or twice as many as are asked for
# In one run, on a CPU 256 MB of them: the product packs the table anew in each.
_MOST_SCORES = {"cpu": 2**26, "cuda": 2**28}
_MOST_REQUESTS = 256
# Requests; for more of them 8-bit rows are multiplied in whole numbers, or float32 is quicker.
FEW = 4
_FEW_OF_LARGE = 8
_LARGE = 65_536  # rows
_IN_8_BITS = ("int8", "whole")


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
        opened = open_session(folder / bundles.GRAPHS["fp32"], device)
        self.device = opened.device
        self.precision = self._chosen(precision, manifest)
        self._sessions = {"fp32": opened.session}
        self.repeated = 0
        self._packs = (self.precision, self.device) == ("fp32", "cpu") and "int8" in manifest.precisions
        self._with_table: dict[tuple[str, str], tuple[object, ort.InferenceSession]] = {}
        self._filters = Filters()
        in_int8 = None
        if self.precision == "int8":
            self._in_whole_numbers = whole_numbers() if manifest.whole_rows else "none"
            tensors = bundles.map_tensors(folder / bundles.INT8_TABLES, bundles.int8_tensors(manifest))
            in_int8 = {mode: Int8Rows.named(tensors, mode) for mode in manifest.modes}
        tables = bundles.map_tensors(folder / bundles.TABLES, bundles.table_tensors(manifest))
        self.tables = ItemTables(tables, manifest.items, self.device, self.precision == "fp16", in_int8)
        self._most_scores = _MOST_SCORES[self.device]
        self.largest = max(1, min(_MOST_REQUESTS, self._most_scores // self.tables.rows))
        self._recorded = None
        if self.precision == "fp16" and self.device == "cuda":
            self._recorded = RecordedRuns(folder / bundles.GRAPHS["fp16"], self._max_history)

    def __call__(self, requests: Sequence[RankRequest]) -> list[Ranked]:
        """Rank for requests of one mode, up to `largest` of them in one run of the graph."""
        if len(requests) > self.largest:
            parts = [requests[begin : begin + self.largest] for begin in range(0, len(requests), self.largest)]
            return [answer for part in parts for answer in self(part)]
        form = self._form_in_8_bits(requests) if self.precision == "int8" else self.precision
        state = self.tables.state
        rows, scores, queries, exact = self._run(form, state, requests)
        inexact = np.flatnonzero(~exact)
        self.repeated += len(inexact)
        if len(inexact):
            again_rows, again_scores, *_ = self._run("fp32", state, [requests[int(i)] for i in inexact])
            rows[inexact, : again_rows.shape[1]] = again_rows
            scores[inexact, : again_rows.shape[1]] = again_scores
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
        if form in _IN_8_BITS:
            names.append("exact_lists")
            binding.bind_cpu_input("candidates", np.array([_candidate_blocks(k)]))
        for name in names:
            binding.bind_output(name)
        session.run_with_iobinding(binding)
        rows, scores, queries, *certain = binding.copy_outputs_to_cpu()
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

    def _form_in_8_bits(self, requests: Sequence[RankRequest]) -> str:
        """Which form answers, where there are 8-bit rows: their bounds are the same for all who share a run."""
        people, allowed = len(requests), requests[0].allowed
        candidates = bundles.CANDIDATES_OF_BLOCK * _candidate_blocks(max(request.k for request in requests))
        large = self.tables.rows >= _LARGE
        few = people <= (_FEW_OF_LARGE if large else FEW)
        if people * candidates * self._width > self._most_scores or any(
            request.allowed is not allowed for request in requests
        ):
            return "fp32"
        if few:
            return "whole" if self._in_whole_numbers == "all" else "int8"
        return "whole" if self._in_whole_numbers != "none" and large else "fp32"

    def _bind_what_is_allowed(
        self, binding: ort.IOBinding, form: str, state: TableState, requests: Sequence[RankRequest]
    ) -> None:
        mode = requests[0].mode
        # One line serves all requests that share a filter.
        different = list({id(request.allowed): request.allowed for request in requests}.values())
        lines = different if len(different) == 1 else [request.allowed for request in requests]
        added = [self._filters.penalty_added(state, allowed, mode) for allowed in lines]
        binding.bind_cpu_input("penalty_added", np.concatenate(added))
        if form in _IN_8_BITS:
            in_8_bits = state.in_int8[mode]
            bounds = self._filters.bounds(state, lines[0], in_8_bits)
            binding.bind_cpu_input("bound", bounds.rows)
            if form == "whole":
                binding.bind_cpu_input("block_bound", bounds.blocks)
                binding.bind_cpu_input("block_scale", in_8_bits.block_scale)
                binding.bind_cpu_input("some_off", self._some_off(state, lines))
            return
        if form == "fp32" and self._packs:
            blocks = -(-self.tables.items // bundles.BLOCK)
            binding.bind_cpu_input("blocks_with_items", np.array([blocks]))
            binding.bind_cpu_input("some_off", self._some_off(state, lines))
        if lines == [None]:
            binding.bind_ortvalue_input("penalty", state.penalty_on_device)
        else:
            penalties = [self._filters.penalty(state, allowed) for allowed in lines]
            binding.bind_cpu_input("penalty", penalties[0] if len(penalties) == 1 else np.concatenate(penalties))

    def _some_off(self, state: TableState, lines: Sequence[Allowed | None]) -> np.ndarray:
        return np.array(len(lines) > 1 or self._filters.some_off(state, lines[0], self.tables.items))

    def _session(self, form: str, state: TableState, mode: str) -> ort.InferenceSession:
        if form in _IN_8_BITS:
            rows = state.in_int8[mode]
            stored = {"table_int8": rows.table_int8, "table_scale": rows.table_scale}
            if form == "whole":
                return self._session_with_table(bundles.WHOLE_GRAPH, mode, rows, stored, rows.whole)
            return self._session_with_table(bundles.GRAPHS["int8"], mode, rows, stored)
        if form == "fp32" and self._packs:
            stored = {"table_packed": state.host[mode]}
            return self._session_with_table(bundles.PACKED_GRAPH, mode, state.host[mode], stored)
        if form not in self._sessions:
            self._sessions[form] = open_session(self._folder / bundles.GRAPHS[form], self.device).session
        return self._sessions[form]

    def _session_with_table(
        self,
        graph: str,
        mode: str,
        table: object,
        stored: Mapping[str, np.ndarray],
        fill: Callable[[], Mapping[str, np.ndarray]] | None = None,
    ) -> ort.InferenceSession:
        """ONNX Runtime makes its own copy of a table that it gets here, in the order in which its product reads it.

        Args:
            graph: its file.
            mode: of the table.
            table: when it is another than before, the graph is opened anew.
            stored: what is mapped of the bundle's files and need not stay in memory afterwards.
            fill: gives the initialisers, where they are not what is stored.
        """
        known = self._with_table.get((graph, mode))
        if known is None or known[0] is not table:
            session = open_session(self._folder / graph, self.device, fill() if fill else stored).session
            for values in stored.values():
                bundles.forget_pages(values)
            known = self._with_table[graph, mode] = table, session
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
