"""Pictures of a dataset's items, as the item encoder takes them."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from molar.engine.images import open_image
from molar.train.dataset import Dataset
from molar.train.processes import Processes
from molar.train.tables import picture_path

_BATCH = 32


def open_picture(folder: Path, image: str) -> Image.Image | None:
    """Decode the picture of an item; None where its image column is empty.

    Raises:
        DatasetError: the file is missing or cannot be read.
    """
    return open_image(picture_path(folder, image), image) if image else None


class ItemPictures:
    """Pictures by row: for a backbone with a frozen vision tower what that tower sees, once and for all in memory.

    Args:
        dataset: whose pictures.
        backbone: that reads them.
        processes: they divide the seeing, each on its device.
        progress: is told how many are done and how many there are.

    Raises:
        DatasetError: a picture is missing or cannot be read.
    """

    def __init__(
        self,
        dataset: Dataset,
        backbone: Any,
        processes: Processes,
        progress: Callable[[int, int], None] = lambda *_: None,
    ) -> None:
        self.dataset = dataset
        self.images: list[str] = dataset.items["image"].to_list()
        self.seen: torch.Tensor | None = None
        if backbone.caches_vision:
            shown = [row for row, image in enumerate(self.images) if image]
            for rows, pixels in self._pixels(shown, backbone, processes):
                with torch.no_grad():
                    own = backbone.see(pixels.to(processes.device))
                    seen = processes.share(len(rows)).gathered(own, len(rows)).half().cpu()
                if self.seen is None:  # 23 KB an item
                    self.seen = torch.zeros(len(self.images), *seen.shape[1:], dtype=torch.half)
                self.seen[rows] = seen
                progress(shown.index(rows[-1]) + 1, len(shown))

    def __getitem__(self, row: int) -> Image.Image | torch.Tensor | None:
        """What `Backbone.read` takes for the picture of a row; None where the item has none."""
        image = self.images[row]
        if not image:
            return None
        return open_picture(self.dataset.folder, image) if self.seen is None else self.seen[row]

    def _pixels(self, rows: list[int], backbone: Any, processes: Processes) -> Iterator[tuple[list[int], torch.Tensor]]:
        """Rows that are seen together, and the pixels of this process' share of them."""

        def pixels(row: int) -> np.ndarray:
            return backbone.reader.read_pictures([open_picture(self.dataset.folder, self.images[row])])[0]

        together = _BATCH * processes.all.count
        with ThreadPoolExecutor() as pool:
            for start in range(0, len(rows), together):
                chosen = rows[start : start + together]
                own = processes.share(len(chosen)).of(chosen)
                yield chosen, torch.from_numpy(np.stack(list(pool.map(pixels, own))))
