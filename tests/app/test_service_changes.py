"""What programs change of a served catalogue outlives another bundle, a restart and a crash."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from fastapi.testclient import TestClient

from molar.app.cli_serve import showroom
from molar.app.running import running
from molar.app.service import Served, build_service
from molar.app.service_changes import CatalogueChanges
from molar.app.service_schema import NewItem
from molar.engine import Recommender, RequestError

NEW = {"item_id": "new one", "title": "Blue mug", "attributes": {"room": ["Kitchen"]}}
HISTORY = {"history": ["mug-01", "kettle-07"], "k": 800}


@contextmanager
def client(file: Path | None) -> Iterator[TestClient]:
    served = Served(showroom(), lambda one: Recommender.load(one, "cpu"), CatalogueChanges(file))
    with TestClient(build_service(served), raise_server_exceptions=False) as one:
        yield one


def listed(one: httpx.Client) -> set[str]:
    return {item["item_id"] for item in one.post("/v1/recommend", json=HISTORY).json()["items"]}


def change(one: httpx.Client) -> None:
    assert one.post("/v1/items", json=NEW).status_code == 201
    assert one.delete("/v1/items/mug-02").status_code == 204
    assert one.post("/v1/items/mug-03/hide").status_code == 204
    assert one.post("/v1/items/mug-04/hide").status_code == 204
    assert one.post("/v1/items/mug-04/show").status_code == 204


def check_changed(one: httpx.Client) -> None:
    found = listed(one)
    assert {"new one", "mug-04"} <= found
    assert not {"mug-02", "mug-03"} & found
    assert one.get("/v1/items/new one").json()["attributes"] == {"room": ["Kitchen"]}
    assert one.get("/v1/items/mug-02").status_code == 404
    assert one.get("/v1/items/mug-03").status_code == 200  # hidden, not gone


def test_changes_stay_when_the_bundle_is_opened_again() -> None:
    with client(None) as one:
        before = listed(one)
        assert {"mug-02", "mug-03", "mug-04"} <= before
        change(one)
        assert one.post("/v1/reload").status_code == 204
        check_changed(one)
        assert one.post("/v1/items/mug-03/show").status_code == 204
        assert one.delete("/v1/items/new one").status_code == 204
        assert one.post("/v1/reload").status_code == 204
        assert listed(one) == before - {"mug-02"}


def test_changes_outlive_a_crash(tmp_path: Path) -> None:
    file = tmp_path / "changes.db"
    with running("serve", showroom(), "--changes", str(file)) as (address, process):
        with httpx.Client(base_url=address, timeout=60) as one:
            change(one)
        second = [sys.executable, "-m", "molar.app", "serve", "--changes", str(file), "--port", "1"]
        refused = subprocess.run(second, capture_output=True, text=True, check=False)
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert (refused.returncode, "changes cannot be kept there" in refused.stderr) == (2, True)
    with client(file) as one:
        check_changed(one)


def test_what_the_next_bundle_has_by_itself(tmp_path: Path) -> None:
    one, changes = Recommender.load(showroom(), "cpu"), CatalogueChanges(tmp_path / "changes.db")
    for item_id in ("later", "mug-05"):
        if item_id in one.catalog:
            changes.remove(one, item_id)
        changes.add(one, NewItem.model_validate({**NEW, "item_id": item_id}))
    opened = Recommender.load(showroom(), "cpu")
    opened.add_item("later", "Its own")
    assert changes.apply(opened) == []
    titles = [item.title for item in opened.catalog.items(opened.catalog.rows(["later", "mug-05"]))]
    assert titles == ["Its own", "Blue mug"]  # of the second, the bundle's own had been taken out


def test_what_cannot_be_added_again_is_said_and_stays_noted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one, changes = Recommender.load(showroom(), "cpu"), CatalogueChanges(tmp_path / "changes.db")
    changes.add(one, NewItem.model_validate(NEW))

    def refuse(*_: object) -> None:
        raise RequestError("this bundle has no item encoder")

    with monkeypatch.context() as patched:
        patched.setattr(Recommender, "add_item", refuse)
        assert changes.apply(Recommender.load(showroom(), "cpu")) == ["new one: this bundle has no item encoder"]
    opened = Recommender.load(showroom(), "cpu")
    assert changes.apply(opened) == []
    assert "new one" in opened.catalog


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    file = tmp_path / "changes.db"
    file.write_text("nothing of the kind" * 100)
    with pytest.raises(RequestError, match="changes cannot be kept there"):
        CatalogueChanges(file)
    with pytest.raises(RequestError, match="changes cannot be kept there"):
        CatalogueChanges(tmp_path / "none" / "changes.db")
