"""Downloads the pictures of an imported dataset: in parallel, politely, and from where it stopped."""

import io
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import polars as pl
from PIL import Image

from molar.engine.errors import DatasetError
from molar.engine.images import open_image
from molar.train.files import write_atomically
from molar.train.importers.dataset_folder import ADDRESSES, picture_name

FAILED = "pictures-failed.csv"
"""item_id, url and why of pictures that could not be had; they are not asked for again."""
_AGENT = "molar (pictures of a dataset, for research)"
_TIMEOUT, _LONGEST_WAIT, _TRIES = 20.0, 60.0, 3
_BUSY = (429, 502, 503, 504)
_SUFFIXES = {"JPEG": ".jpg", "PNG": ".png", "WEBP": ".webp", "GIF": ".gif", "BMP": ".bmp", "TIFF": ".tif"}


@dataclass(frozen=True)
class Manners:
    """How hard the hosts are asked.

    Attributes:
        workers: downloads at once, of all hosts together.
        per_second: requests a second to one host.
        largest: bytes of a picture; larger ones are left where they are.
    """

    workers: int = 16
    per_second: float = 20.0
    largest: int = 10_000_000


class _Turns:
    """Spreads the requests to each host over time."""

    def __init__(self, per_second: float) -> None:
        self._gap = 1 / per_second
        self._next: dict[str, float] = {}
        self._lock = threading.Lock()

    def wait(self, host: str) -> None:
        with self._lock:
            at = max(time.monotonic(), self._next.get(host, 0.0))
            self._next[host] = at + self._gap
        time.sleep(max(0.0, at - time.monotonic()))

    def hold(self, host: str, seconds: float) -> None:
        with self._lock:
            self._next[host] = max(self._next.get(host, 0.0), time.monotonic() + seconds)


def download_pictures(
    folder: Path,
    manners: Manners,
    each: Callable[[int, int], None] = lambda done, of: None,
    transport: httpx.BaseTransport | None = None,
) -> Counter[str]:
    """Fetch what `pictures.csv` of a dataset folder names and is not there yet, and name it in items.csv.

    Args:
        folder: made by `molar data import`.
        manners: how hard the hosts are asked.
        each: is told how many of how many are done.
        transport: of the requests; the network's if not given.

    Returns:
        "downloaded", "there already", or why not -> how many.

    Raises:
        DatasetError: the folder has no addresses of pictures.
    """
    if not (folder / ADDRESSES).exists():
        raise DatasetError(f"{folder}: has no {ADDRESSES}; its source names no addresses of pictures")
    wanted = pl.read_csv(folder / ADDRESSES, infer_schema=False)
    there = _pictures(folder)
    failed = _failed_before(folder)
    names = {item_id: picture_name(item_id) for item_id in wanted["item_id"]}
    missing = [
        (item_id, url) for item_id, url in wanted.rows() if names[item_id] not in there and (item_id, url) not in failed
    ]
    found = Counter({"there already": sum(name in there for name in names.values())})
    found.update(failed.values())
    turns = _Turns(manners.per_second)
    limits = httpx.Limits(max_connections=manners.workers)
    client = httpx.Client(
        headers={"User-Agent": _AGENT}, timeout=_TIMEOUT, follow_redirects=True, limits=limits, transport=transport
    )
    with client, ThreadPoolExecutor(manners.workers) as pool:

        def fetch(entry: tuple[str, str]) -> str:
            path = folder / "images" / names[entry[0]]
            return _fetch(client, entry[1], path, manners.largest, turns)

        try:
            for done, (entry, outcome) in enumerate(zip(missing, pool.map(fetch, missing), strict=True), 1):
                found[outcome] += 1
                if outcome != "downloaded":
                    failed[entry] = outcome
                each(done, len(missing))
        finally:
            pool.shutdown(cancel_futures=True)
            _name_pictures(folder, names)
            _write_failed(folder, failed)
    return +found


def _fetch(client: httpx.Client, url: str, path: Path, largest: int, turns: _Turns) -> str:
    host = urlsplit(url).netloc
    for _ in range(_TRIES):
        turns.wait(host)
        try:
            with client.stream("GET", url) as answer:
                if answer.status_code in _BUSY:
                    turns.hold(host, _asked_to_wait(answer))
                    continue
                if not answer.is_success:
                    return f"the host answers {answer.status_code}"
                content = b"".join(_up_to(answer, largest))
        except (httpx.HTTPError, httpx.InvalidURL):
            continue
        if len(content) > largest:
            return f"more than {largest / 1e6:g} MB"
        return _keep(content, path)
    return "the host does not answer"


def _asked_to_wait(answer: httpx.Response) -> float:
    seconds = answer.headers.get("retry-after", "")
    return min(float(seconds), _LONGEST_WAIT) if seconds.isdigit() else 1.0


def _up_to(answer: httpx.Response, largest: int) -> Iterator[bytes]:
    size = 0
    for part in answer.iter_bytes():
        yield part
        size += len(part)
        if size > largest:
            return


def _keep(content: bytes, path: Path) -> str:
    try:
        open_image(content, path.name)
        with Image.open(io.BytesIO(content)) as picture:
            suffix = _SUFFIXES.get(picture.format or "")
    except DatasetError:
        return "no picture that can be read"
    if suffix is None:
        return "no picture that can be read"
    write_atomically(path.with_name(path.name + suffix), lambda temporary: temporary.write_bytes(content))
    return "downloaded"


def _pictures(folder: Path) -> dict[str, str]:
    """Name without its ending -> path inside of the dataset; half-written files have names that begin with a dot."""
    files = [path for path in (folder / "images").iterdir() if not path.name.startswith(".")]
    return {path.stem: f"images/{path.name}" for path in files}


def _name_pictures(folder: Path, names: dict[str, str]) -> None:
    """Write the pictures that are there into items.csv."""
    there = _pictures(folder)
    images = {item_id: there[name] for item_id, name in names.items() if name in there}
    items = pl.read_csv(folder / "items.csv", infer_schema=False)
    before = pl.col("image") if "image" in items.columns else pl.lit("")
    image = pl.col("item_id").replace_strict(images, default=before, return_dtype=pl.String)
    write_atomically(folder / "items.csv", items.with_columns(image=image).write_csv)


def _failed_before(folder: Path) -> dict[tuple[str, str], str]:
    path = folder / FAILED
    if not path.exists():
        return {}
    return {(item_id, url): why for item_id, url, why in pl.read_csv(path, infer_schema=False).rows()}


def _write_failed(folder: Path, failed: dict[tuple[str, str], str]) -> None:
    if failed:
        table = pl.DataFrame([(*entry, why) for entry, why in failed.items()], ["item_id", "url", "why"], orient="row")
        write_atomically(folder / FAILED, table.write_csv)
