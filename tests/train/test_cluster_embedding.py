"""Vectors of a catalogue from Ray's workers."""

import os
import shutil
import signal
from contextlib import suppress
from pathlib import Path

import pytest
import torch

from molar.engine import DatasetError, RequestError
from molar.train.cluster_embedding import embed_on_ray
from molar.train.dataset import Dataset, load_dataset
from molar.train.encoders import load_encoder
from molar.train.item_embedding import embed_items

pytestmark = [
    pytest.mark.alone,
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning"),  # Ray's own
]
CPU = torch.device("cpu")
ITEMS = 1_000


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOLAR_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def many(tmp_path: Path, shop: Path) -> Dataset:
    """The shop's pictures under many titles."""
    folder = tmp_path / "dataset"
    folder.mkdir()
    shutil.copytree(shop / "images", folder / "images")
    names = sorted(path.name for path in (shop / "images").iterdir())
    lines = [f"i{n},{'long ' * (n % 40)}title {n},images/{names[n % len(names)]}" for n in range(ITEMS)]
    (folder / "items.csv").write_text("\n".join(["item_id,title,image", *lines]))
    events = [f"u{n % 7},i{n},{n}" for n in range(ITEMS)]
    (folder / "interactions.csv").write_text("\n".join(["user_id,item_id,timestamp", *events]))
    return load_dataset(folder)


def worker_processes() -> list[int]:
    """Ray's workers that read, on this machine."""
    found = []
    for line in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):  # it has ended meanwhile
            name = line.read_bytes()
            if b"ray::" in name and b"Map" in name:
                found.append(int(line.parent.name))
    return found


def test_workers_read_what_one_process_reads_although_they_are_killed(
    many: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed: list[int] = []
    seen: list[int] = []

    def kill_workers(done: int, total: int) -> None:
        seen.append(done)
        assert total == ITEMS
        # All of them: one alone may still be starting, and its death change nothing.
        for process in worker_processes() if done and not killed else []:
            killed.append(process)
            os.kill(process, signal.SIGKILL)

    vectors, throughput = embed_on_ray(many, "tiny", 128, "ray", 2, kill_workers)
    assert killed
    assert seen == sorted(seen)
    assert seen[-1] == ITEMS
    assert sum(items for items, _ in throughput.values()) == ITEMS
    assert all(seconds > 0 for _, seconds in throughput.values())
    assert len(throughput) >= 2
    monkeypatch.setenv("MOLAR_CACHE", str(tmp_path / "other"))
    assert torch.allclose(vectors, embed_items(many, load_encoder("tiny", 128, CPU), CPU), atol=1e-5)


def test_nothing_is_read_twice_and_a_bad_picture_is_told(many: Dataset) -> None:
    embed_items(many, load_encoder("tiny", 128, CPU), CPU)
    vectors, throughput = embed_on_ray(many, "tiny", 128, "ray", 1)
    assert len(vectors) == ITEMS
    assert throughput == {}
    for name in set(many.items["image"]):
        (many.folder / name).write_bytes(b"no picture")
    with pytest.raises(DatasetError, match="images/"):
        embed_on_ray(many, "tiny", 128, "ray", 1)


def test_an_address_that_is_not_understood(many: Dataset) -> None:
    with pytest.raises(RequestError, match="write ray, auto, or ray://"):
        embed_on_ray(many, "tiny", 128, "nonsense", 1)
