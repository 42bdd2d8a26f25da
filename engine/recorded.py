"""Runs on a GPU that are recorded once, as CUDA graphs, and then replayed: a request of one person costs the launches
of a hundred small kernels otherwise, which take longer than the kernels.

What is recorded has fixed sizes and a fixed place for everything that it reads and writes. Requests are padded to one
of a few sizes; what is larger, or has a filter, goes the usual way.

Dimensions: B requests, L events, X excluded rows, A slots for added items, P rows of a table, W width of a row.
"""

import threading
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import onnxruntime as ort

from molar.engine.histories import PADDING
from molar.engine.item_tables import TableState
from molar.engine.runtime import open_session

_REQUESTS = (1, 8, 64, 256)
_EXCLUDED = (64, 256)
_WANTED = (16, 128)
_CANDIDATES = 64
_MOST_SCORES = 2**29  # of all recordings that are kept: each has a place of its own for them, 12 bytes a score


class _Size(NamedTuple):
    requests: int
    events: int
    excluded: int
    k: int


@dataclass
class _Recording:
    """A session whose first run was recorded, with the places that it reads from and writes to."""

    session: ort.InferenceSession
    binding: ort.IOBinding
    inputs: dict[str, ort.OrtValue]
    outputs: list[ort.OrtValue]
    state: TableState  # the one that stands in `inputs`
    table: ort.OrtValue


class RecordedRuns:
    """Recordings of the float16 graph, made when a size is first met.

    Args:
        graph: the file.
        max_history: longest history, in events.
        device: "cuda"; on "cpu" all is the same but that nothing is recorded.
    """

    def __init__(self, graph: Path, max_history: int, device: str = "cuda") -> None:
        self._graph = graph
        self._device = device
        self._lengths = tuple(sorted({min(64, max_history), max_history}))
        self._recordings: OrderedDict[tuple[str, _Size, int], _Recording] = OrderedDict()
        self._lock = threading.Lock()

    def run(
        self,
        mode: str,
        state: TableState,
        history: np.ndarray,
        excluded: np.ndarray,
        k: int,
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
        """(B, K) rows and scores, K from k on, and (B, W) queries; None where the requests fit no size.

        Args:
            mode: which table ranks.
            state: the catalogue.
            history: (B, L) rows, padded on the left.
            excluded: (B, X) rows, padded on the right.
            k: how many are asked for.
        """
        count, events = history.shape
        size = self._size(count, events, excluded.shape[1], k)
        if size is None:
            return None
        places = np.full((size.requests, size.events), PADDING, np.int64)
        places[:count, size.events - events :] = history
        left_out = np.full((size.requests, size.excluded), PADDING, np.int64)
        left_out[:count, : excluded.shape[1]] = excluded
        with self._lock:
            recording = self._recording(size, mode, state)
            recording.inputs["history"].update_inplace(places)
            recording.inputs["excluded"].update_inplace(left_out)
            if recording.state is not state:
                for name, values in _of_state(state, mode).items():
                    recording.inputs[name].update_inplace(values)
                recording.state = state
            recording.session.run_with_iobinding(recording.binding)
            rows, scores, queries = (np.array(output.numpy()[:count]) for output in recording.outputs)
        return rows, scores, queries

    def _size(self, requests: int, events: int, excluded: int, k: int) -> _Size | None:
        """The smallest that all fit in."""
        choices = (_REQUESTS, self._lengths, _EXCLUDED, _WANTED)
        found = [
            next((choice for choice in of_one if choice >= value), None)
            for of_one, value in zip(choices, (requests, events, excluded, k), strict=True)
        ]
        return None if None in found else _Size(*found)  # type: ignore[arg-type]

    def _recording(self, size: _Size, mode: str, state: TableState) -> _Recording:
        slots = state.added[mode].shape[0]
        key = mode, size, slots
        known = self._recordings.get(key)
        if known is None or known.table is not state.stored[mode]:
            known = self._recordings[key] = self._record(size, mode, state)
        self._recordings.move_to_end(key)
        rows = known.table.shape()[0]
        while len(self._recordings) > 1 and rows * sum(kept.requests for _, kept, _ in self._recordings) > _MOST_SCORES:
            self._recordings.popitem(last=False)
        return known

    def _record(self, size: _Size, mode: str, state: TableState) -> _Recording:
        table = state.stored[mode]
        rows, width = table.shape()
        slots = state.added[mode].shape[0]
        sizes = {"B": size.requests, "L": size.events, "X": size.excluded, "F": 1, "P": rows, "A": slots, "W": width}
        k = min(size.k, rows + slots)
        again = scored_again(k, rows)
        sizes |= {"K": k, "C": again}
        session = open_session(self._graph, self._device, sizes=sizes).session
        nothing = {
            "history": np.full((size.requests, size.events), PADDING, np.int64),
            "excluded": np.full((size.requests, size.excluded), PADDING, np.int64),
            "answers": np.zeros(k, dtype=bool),
            "candidates": np.zeros(again, dtype=bool),
        }
        inputs = {
            name: ort.OrtValue.ortvalue_from_numpy(values, self._device)
            for name, values in {**nothing, **_of_state(state, mode)}.items()
        }
        shapes = [
            ((size.requests, k), np.int64),
            ((size.requests, k), np.float32),
            ((size.requests, width), np.float32),
        ]
        outputs = [ort.OrtValue.ortvalue_from_shape_and_type(shape, kind, self._device) for shape, kind in shapes]
        binding = session.io_binding()
        for name, value in {**inputs, "table": table}.items():
            binding.bind_ortvalue_input(name, value)
        for name, value in zip(("best_rows", "best_scores", "query"), outputs, strict=True):
            binding.bind_ortvalue_output(name, value)
        return _Recording(session, binding, inputs, outputs, state, table)


def _of_state(state: TableState, mode: str) -> dict[str, np.ndarray]:
    return {"added": state.added[mode], "penalty": state.penalty, "penalty_added": state.penalty_added}


def scored_again(k: int, rows: int) -> int:
    """Rows of the table that are scored again in float32 where k are asked for."""
    return min(rows, max(_CANDIDATES, 2 * k))
