"""The HTTP service: answers of the engine, refusals in words, and a bundle exchanged under load."""

import base64
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from molar.app.service import Served, build_service
from molar.engine import Recommender


@pytest.fixture(scope="module")
def folder(bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the bundle, so that it can be exchanged."""
    copy = tmp_path_factory.mktemp("served") / "bundle"
    shutil.copytree(bundle, copy)
    return copy


@pytest.fixture(scope="module")
def served(folder: Path) -> Served:
    return Served(folder, lambda one: Recommender.load(one, "cpu"))


@pytest.fixture
def client(served: Served) -> Iterator[TestClient]:
    with TestClient(build_service(served), raise_server_exceptions=False) as one:
        yield one


@pytest.fixture
def history(served: Served) -> list[str]:
    return served.recommender.catalog.item_ids[3:7]


def test_recommendations_are_the_engines(client: TestClient, served: Served, history: list[str]) -> None:
    name, values = next(iter(served.recommender.catalog.facets.items()))
    asked = {"history": history, "k": 5, "mode": "content", "where": {name: values[:2]}, "details": True}
    answer = client.post("/v1/recommend", json=asked).json()
    expected = served.recommender.recommend(history, 5, {name: values[:2]}, "content")
    assert [one["item_id"] for one in answer["items"]] == [one.item_id for one in expected]
    assert all(set(one["attributes"][name]) & set(values[:2]) for one in answer["items"])
    assert (answer["mode"], answer["bundle"]) == ("content", served.recommender.manifest.name)
    without = client.post("/v1/recommend", json={"history": history, "exclude": [answer["items"][0]["item_id"]]}).json()
    assert answer["items"][0]["item_id"] not in [one["item_id"] for one in without["items"]]
    assert "title" in without["items"][0]
    assert without["items"][0]["title"] is None


def test_explanations(client: TestClient, served: Served, history: list[str]) -> None:
    item = served.recommender.recommend(history, 1)[0].item_id
    answer = client.post("/v1/explain", json={"history": history, "item_id": item}).json()
    found = served.recommender.explain(history, item)
    assert answer["score"] == pytest.approx(found.score)
    assert [one["item_id"] for one in answer["history"]] == history
    assert set(answer["sources"]) == set(found.sources)


def test_items_come_and_go(client: TestClient, served: Served, history: list[str]) -> None:
    best = served.recommender.recommend(history, 1)[0].item_id

    def ids() -> list[str]:
        answer = client.post("/v1/recommend", json={"history": history})
        return [one["item_id"] for one in answer.json()["items"]]

    assert client.post(f"/v1/items/{best}/hide").status_code == 204
    assert best not in ids()
    assert client.post(f"/v1/items/{best}/show").status_code == 204
    assert best in ids()

    picture = base64.b64encode(served.recommender.catalog.thumbnail(9) or b"").decode()
    new = {"item_id": "new one", "title": "A mug", "image": picture, "attributes": {"room": ["Kitchen"]}}
    answer = client.post("/v1/items", json=new)
    assert (answer.status_code, answer.json()["title"]) == (201, "A mug")
    assert client.post("/v1/items", json=new).status_code == 422  # the id is taken
    assert client.get("/v1/items/new one").json()["attributes"] == {"room": ["Kitchen"]}
    assert client.post("/v1/recommend", json={"history": ["new one"]}).status_code == 200
    assert client.delete("/v1/items/new one").status_code == 204
    assert client.get("/v1/items/new one").status_code == 404
    assert client.delete("/v1/items/new one").status_code == 404


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"history": []}, "history: List should have at least 1 item"),
        ({"history": ["nothing"]}, "nothing"),
        ({"history": ["x"] * 501}, "history: List should have at most 500 items"),
        ({"history": ["x"], "k": 0}, "k: Input should be greater than or equal to 1"),
        ({"history": ["x"], "size": 3}, "size: Extra inputs are not permitted"),
    ],
)
def test_refusals_say_why(client: TestClient, asked: dict, said: str) -> None:
    answer = client.post("/v1/recommend", json=asked)
    assert answer.status_code == 422
    assert said in answer.json()["detail"]


def test_what_is_no_picture_or_no_json(client: TestClient, history: list[str]) -> None:
    for image, said in (("!", "is not base64"), (base64.b64encode(b"PK\x03\x04").decode(), "not a readable picture")):
        answer = client.post("/v1/items", json={"item_id": "z", "image": image})
        assert (answer.status_code, said in answer.json()["detail"]) == (422, True)
    assert client.post("/v1/recommend", content=b"{", headers={"Content-Type": "application/json"}).status_code == 422
    assert client.post("/v1/recommend", json={"history": history, "mode": "sideways"}).status_code == 422
    assert client.post("/v1/recommend", content=iter([b"{}"])).status_code == 411


def test_keys(served: Served, history: list[str]) -> None:
    with TestClient(build_service(served, ["one", "two"])) as client:
        asked = {"history": history}
        assert client.post("/v1/recommend", json=asked).status_code == 401
        assert client.post("/v1/reload").headers["WWW-Authenticate"] == "Bearer"
        for key, status in (("one", 200), ("two", 200), ("three", 401), ("", 401)):
            answer = client.post("/v1/recommend", json=asked, headers={"Authorization": f"Bearer {key}"})
            assert answer.status_code == status
        assert client.get("/health").json()["status"] == "ok"
        assert client.get("/metrics").status_code == 200


def test_metrics_count_by_pattern_and_not_by_id(client: TestClient, history: list[str]) -> None:
    client.post("/v1/recommend", json={"history": history})
    client.get("/v1/items/nothing-of-the-kind")
    read = client.get("/metrics").text
    assert 'molar_requests_total{path="/v1/recommend",status="200"} 1.0' in read
    assert 'molar_requests_total{path="/v1/items/{item_id}",status="404"} 1.0' in read
    assert "nothing-of-the-kind" not in read
    assert 'molar_request_seconds_count{path="/v1/recommend"} 1.0' in read


def test_more_than_it_takes_at_once(served: Served, history: list[str]) -> None:
    with TestClient(build_service(served, at_once=1)) as client:
        inside, go = threading.Event(), threading.Event()
        answer = served.recommender.answer

        def slow(*arguments: object, **options: object) -> object:
            inside.set()
            assert go.wait(10)
            return answer(*arguments, **options)  # type: ignore[arg-type]

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(served.recommender, "answer", slow)
            first = threading.Thread(target=client.post, args=["/v1/recommend"], kwargs={"json": {"history": history}})
            first.start()
            assert inside.wait(10)
            refused = client.post("/v1/recommend", json={"history": history})
            go.set()
            first.join()
        assert (refused.status_code, refused.headers["Retry-After"]) == (503, "1")
        assert client.post("/v1/recommend", json={"history": history}).status_code == 200


def test_the_bundle_is_exchanged_without_a_failed_request(
    client: TestClient, served: Served, folder: Path, history: list[str]
) -> None:
    before = served.recommender
    stop = threading.Event()
    statuses: list[int] = []

    def ask() -> None:
        while not stop.is_set():
            statuses.append(client.post("/v1/recommend", json={"history": history}).status_code)

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    assert client.post("/v1/reload").status_code == 204
    stop.set()
    for thread in threads:
        thread.join()
    assert served.recommender is not before
    assert set(statuses) == {200}

    (folder / "manifest.json").rename(folder / "gone.json")
    answer = client.post("/v1/reload")
    assert (answer.status_code, "manifest" in answer.json()["detail"]) == (503, True)
    assert client.post("/v1/recommend", json={"history": history}).status_code == 200
    (folder / "gone.json").rename(folder / "manifest.json")
