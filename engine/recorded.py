"""Runs on a GPU that are recorded once, as CUDA graphs, and then replayed: a request of one person costs the launches
of a hundred small kernels otherwise, which take longer than the kernels.

What is recorded has fixed sizes and a fixed place for everything that it reads and writes. Requests are padded to one
of a few sizes; what is larger, or has a filter, goes the usual way.

Dimensions: B requests, L events, X excluded rows, A slots for added items, P rows of a table, W width of a row.
"""

import threading
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import onnxruntime as ort

from molar.engine.histories import PADDING, pad_left, pad_right
from molar.engine.item_tables import TableState
from molar.engine.runtime import open_session

_REQUESTS = (1, 8, 64, 256)
_EXCLUDED = (64, 256)
_WANTED = (16, 128)
_MOST_SCORES = 2**29  # of all recordings that are kept: each has a place of its own for them, 14 bytes a score


class _Size(NamedTuple):
    requests: int
    events: int
    excluded: int
    k: int


class _Recording(NamedTuple):
    """A session whose first run was recorded, with the places that it reads from and writes to."""

    session: ort.InferenceSession
    binding: ort.IOBinding
    inputs: dict[str, ort.OrtValue]
    outputs: list[ort.OrtValue]
    state: list[TableState]  # the one that stands in `inputs`
    table: ort.OrtValue


class RecordedRuns:
    """Recordings of the float16 graph, made when a size is first met.

    Args:
        graph: the file.
        max_history: longest history, in events.
        candidates: rows of the table that are scored again in float32, or twice as many as are asked for.
        device: "cuda"; on "cpu" all is the same but that nothing is recorded.
    """

    def __init__(self, graph: Path, max_history: int, candidates: int, device: str = "cuda") -> None:
        self._graph = graph
        self._device = device
        self._lengths = tuple(sorted({min(64, max_history), max_history}))
        self._candidates = candidates
        self._max_history = max_history
        self._recordings: OrderedDict[tuple[str, _Size, int], _Recording] = OrderedDict()
        self._lock = threading.Lock()

    def size(self, requests: int, events: int, excluded: int, k: int) -> _Size | None:
        """The smallest size that all fit in; None where there is none."""
        choices = (_REQUESTS, self._lengths, _EXCLUDED, _WANTED)
        found = [
            next((choice for choice in of_one if choice >= value), None)
            for of_one, value in zip(choices, (requests, events, excluded, k), strict=True)
        ]
        return None if None in found else _Size(*found)  # type: ignore[arg-type]

    def run(
        self,
        size: _Size,
        mode: str,
        state: TableState,
        histories: Sequence[Sequence[int]],
        excluded: Sequence[Sequence[int]],
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(B, K) rows and scores, and (B, W) queries, of as many requests as there are histories."""
        count = len(histories)
        filled = [*histories, *[[PADDING]] * (size.requests - count)]
        events = pad_left(filled, self._max_history)
        places = np.full((size.requests, size.events), PADDING, np.int64)
        places[:, size.events - events.shape[1] :] = events
        left_out = np.full((size.requests, size.excluded), PADDING, np.int64)
        given = pad_right(excluded)
        left_out[:count, : given.shape[1]] = given
        with self._lock:
            recording = self._recording(size, mode, state)
            recording.inputs["history"].update_inplace(places)
            recording.inputs["excluded"].update_inplace(left_out)
            if recording.state[0] is not state:
                for name, values in _of_state(state, mode).items():
                    recording.inputs[name].update_inplace(values)
                recording.state[0] = state
            recording.session.run_with_iobinding(recording.binding)
            rows, scores, queries = (np.array(output.numpy()[:count]) for output in recording.outputs)
        return rows, scores, queries

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
        again = min(rows, max(self._candidates, 2 * k))
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
        return _Recording(session, binding, inputs, outputs, [state], table)


def _of_state(state: TableState, mode: str) -> dict[str, np.ndarray]:
    return {"added": state.added[mode], "penalty": state.penalty, "penalty_added": state.penalty_added}
