"""Downloading pictures of a dataset: dead links, large files, busy hosts, and going on where it stopped."""

import io
import time
from pathlib import Path

import httpx
import polars as pl
import pytest
from PIL import Image

from molar.engine import DatasetError
from molar.train.dataset_check import check
from molar.train.importers.download import Manners, download_pictures

QUICK = Manners(workers=4, per_second=1000.0, largest=20_000)


def picture(form: str, side: int = 8) -> bytes:
    content = io.BytesIO()
    Image.effect_noise((side, side), 90).convert("RGB").save(content, form)
    return content.getvalue()


class Host:
    """Answers as hosts do."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request.url.path)
        match request.url.path:
            case "/good.jpg" | "/also good":
                return httpx.Response(200, content=picture("JPEG" if request.url.path == "/good.jpg" else "WEBP"))
            case "/moved":
                return httpx.Response(301, headers={"Location": "https://host/good.jpg"})
            case "/page.jpg":
                return httpx.Response(200, text="<html>sign in</html>")
            case "/large.png":
                return httpx.Response(200, content=picture("PNG", 200))
            case "/busy.jpg" if self.asked.count("/busy.jpg") < 2:
                return httpx.Response(429, headers={"Retry-After": "0"})
            case "/busy.jpg":
                return httpx.Response(200, content=picture("PNG"))
            case "/cut.jpg":
                raise httpx.ReadError("cut", request=request)
        return httpx.Response(404)


PATHS = {
    "a": "good.jpg",
    "b": "also good",
    "c": "moved",
    "d/..": "page.jpg",
    "e": "large.png",
    "f": "busy.jpg",
    "g": "cut.jpg",
    "h": "gone.jpg",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "i.jpg").write_bytes(picture("JPEG"))
    items = pl.DataFrame({"item_id": [*PATHS, "i"], "title": "x", "image": [*[""] * len(PATHS), "images/i.jpg"]})
    items.write_csv(tmp_path / "items.csv")
    pl.DataFrame({"item_id": list(PATHS), "url": [f"https://host/{path}" for path in PATHS.values()]}).write_csv(
        tmp_path / "pictures.csv"
    )
    events = pl.DataFrame({"user_id": "u", "item_id": [*PATHS, "i"], "timestamp": range(len(PATHS) + 1)})
    events.write_csv(tmp_path / "interactions.csv")
    return tmp_path


def test_what_can_be_had_is_had_and_the_rest_is_noted(folder: Path) -> None:
    host = Host()
    found = download_pictures(folder, QUICK, transport=httpx.MockTransport(host))
    assert found == {
        "downloaded": 4,
        "no picture that can be read": 1,
        "more than 0.02 MB": 1,
        "the host does not answer": 1,
        "the host answers 404": 1,
    }
    assert host.asked.count("/cut.jpg") == 3
    images = dict(pl.read_csv(folder / "items.csv", infer_schema=False).select("item_id", "image").rows())
    assert {item: image for item, image in images.items() if image} == {
        "a": "images/a.jpg",
        "b": "images/b.webp",
        "c": "images/c.jpg",
        "f": "images/f.png",
        "i": "images/i.jpg",
    }
    report = check(folder)
    assert (report.errors, report.with_picture) == ([], 5)
    failed = pl.read_csv(folder / "pictures-failed.csv")
    assert sorted(failed["item_id"]) == ["d/..", "e", "g", "h"]

    asked = len(host.asked)
    again = download_pictures(folder, QUICK, transport=httpx.MockTransport(host))
    assert len(host.asked) == asked
    assert again == {**{why: count for why, count in found.items() if why != "downloaded"}, "there already": 4}
    (folder / "pictures-failed.csv").unlink()
    (folder / "images" / "a.jpg").unlink()
    third = download_pictures(folder, QUICK, transport=httpx.MockTransport(host))
    assert (third["downloaded"], third["there already"]) == (1, 3)


def test_what_was_fetched_before_a_stop_is_kept(folder: Path) -> None:
    def stop(done: int, of: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        download_pictures(folder, Manners(1, 1000.0, 20_000), stop, httpx.MockTransport(Host()))
    images = pl.read_csv(folder / "items.csv", infer_schema=False)["image"].to_list()
    assert images[:2] == ["images/a.jpg", "images/b.webp"]
    assert check(folder).errors == []


def test_a_host_is_not_asked_more_often_than_it_may_be(folder: Path) -> None:
    started = time.monotonic()
    host = Host()
    download_pictures(folder, Manners(8, 20.0, 20_000), transport=httpx.MockTransport(host))
    # Redirects are followed at once; every other request has its turn.
    turns = len(host.asked) - 1
    assert time.monotonic() - started >= (turns - 1) / 20


def test_a_dataset_without_addresses(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"has no pictures\.csv"):
        download_pictures(tmp_path, QUICK)
