"""`Recommender`: a bundle, ready to answer."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime as ort

from molar.engine import bundle as bundles
from molar.engine.catalog import Catalog, Where
from molar.engine.errors import RequestError
from molar.engine.histories import pad_left, pad_right
from molar.engine.runtime import open_session

MAX_K = 1000
_HIDDEN = -1e8  # the graph takes 1e9 off the score of an item that may not be recommended


@dataclass(frozen=True)
class Recommendation:
    """An item of a ranked list.

    Attributes:
        item_id: its name outside of Molar.
        score: higher is better; comparable within one list.
        row: its line in the item tables.
    """

    item_id: str
    score: float
    row: int


class Recommender:
    """Recommendations from a bundle; safe to call from many threads.

    Use `Recommender.load`.

    Attributes:
        manifest: the bundle's facts.
        catalog: its items.
        device: "cuda" or "cpu", where the graph really runs.
        modes: the ways of ranking, the default first.
    """

    def __init__(self, folder: Path, manifest: bundles.Manifest, device: str) -> None:
        self.manifest = manifest
        self.catalog = Catalog(folder / bundles.CATALOG)
        self.modes = tuple(manifest.modes)
        opened = open_session(folder / bundles.GRAPH, device)
        self.device = opened.device
        self._session = opened.session
        tables = bundles.map_tables(folder / bundles.TABLES)
        # On a CPU the value is a view of the memory map; on a GPU it is copied there once.
        self._tables = {mode: ort.OrtValue.ortvalue_from_numpy(tables[mode], self.device) for mode in self.modes}

    @classmethod
    def load(cls, folder: Path | str, device: str = "auto") -> "Recommender":
        """Verify and open a bundle.

        Args:
            folder: made by `molar export`.
            device: "auto" (a GPU if there is one), "cuda" or "cpu".

        Raises:
            BundleError: a file of the bundle is missing, changed, or newer than this code.
            RequestError: the device cannot be had.
        """
        return cls(Path(folder), bundles.open_bundle(folder), device)

    def recommend(
        self,
        history: Sequence[str],
        k: int = 10,
        where: Where | None = None,
        mode: str | None = None,
        exclude_seen: bool = True,
    ) -> list[Recommendation]:
        """The k best items for a person, best first; fewer where the filter leaves fewer.

        Args:
            history: item ids, oldest first; the last `manifest.max_history` are read.
            k: 1 to 1,000.
            where: attribute -> value or values that an item must have one of.
            mode: "aligned" (the default), "content" or "ids".
            exclude_seen: leave out items of the history.

        Raises:
            RequestError: an id, attribute, value or mode is unknown; the history is empty; k is out of range.
        """
        return self.recommend_batch([history], k, where, mode, exclude_seen)[0]

    def recommend_batch(
        self,
        histories: Sequence[Sequence[str]],
        k: int = 10,
        where: Where | None = None,
        mode: str | None = None,
        exclude_seen: bool = True,
    ) -> list[list[Recommendation]]:
        """`recommend` for several people in one run of the graph; the arguments are the same for all."""
        if not histories:
            return []
        rows = [self._history_rows(history) for history in histories]
        allowed = self.catalog.allowed(where)
        found, scores = self.run(rows, k, allowed, mode, exclude_seen)
        ids = self.catalog.item_ids
        return [
            [
                Recommendation(ids[row], float(score), int(row))
                for row, score in zip(*line, strict=True)
                if score > _HIDDEN
            ]
            for line in zip(found, scores, strict=True)
        ]

    def run(
        self,
        histories: Sequence[Sequence[int]],
        k: int,
        allowed: np.ndarray,
        mode: str | None = None,
        exclude_seen: bool = True,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Run the graph on rows instead of ids.

        Args:
            histories: B histories of rows, none empty, oldest first.
            k: how many to return.
            allowed: (N,) bool.
            mode: as in `recommend`.
            exclude_seen: leave out rows of the history, also those too old to be read.

        Returns:
            rows: (B, K) int64, K = min(k, N); items that may not be recommended come last.
            scores: (B, K) float32, below -1e8 for those.
        """
        if not 1 <= k <= MAX_K:
            raise RequestError(f"k is {k}; it must be 1 to {MAX_K}")
        mode = mode or self.modes[0]
        if mode not in self.modes:
            raise RequestError(f"no mode {mode!r}; this bundle has {', '.join(self.modes)}")
        excluded = pad_right(histories if exclude_seen else [[]] * len(histories))
        binding = self._session.io_binding()
        binding.bind_cpu_input("history", pad_left(histories, self.manifest.max_history))
        binding.bind_ortvalue_input("table", self._tables[mode])
        binding.bind_cpu_input("excluded", excluded)
        binding.bind_cpu_input("allowed", allowed)
        binding.bind_cpu_input("k", np.array([min(k, self.manifest.items)], dtype=np.int64))
        binding.bind_output("rows")
        binding.bind_output("scores")
        self._session.run_with_iobinding(binding)
        rows, scores = binding.copy_outputs_to_cpu()
        return rows, scores

    def _history_rows(self, history: Sequence[str]) -> list[int]:
        if isinstance(history, str):
            raise RequestError(f"the history is the text {history!r}; give a list of item ids")
        if not history:
            raise RequestError("the history is empty; give at least one item id")
        return self.catalog.rows(history)
