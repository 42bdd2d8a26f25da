"""`molar serve`: a bundle as an HTTP service of its own, for other programs.

The bundle can be exchanged while requests are answered: each request keeps the one that it began with.
"""

import secrets
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.concurrency import run_in_threadpool

from molar.app import service_schema as schema
from molar.app.garbage import pass_over_what_is_there
from molar.app.guards import SmallRequests
from molar.app.service_batches import Batches
from molar.app.service_changes import CatalogueChanges
from molar.app.service_metrics import Counted, Metrics
from molar.engine import BundleError, MolarError, Recommender, RequestError, UnavailableError

_REFUSALS: dict[int | str, dict[str, Any]] = {
    code: {"model": schema.Refusal, "description": why}
    for code, why in {
        400: "the body cannot be read",
        401: "a key is needed",
        404: "there is no such item",
        411: "the length is not said",
        413: "the request is too large",
        422: "the request makes no sense for this bundle",
        503: "too many requests at once; try again",
    }.items()
}


class Served:
    """The bundle that is served; from any thread.

    Args:
        folder: of the bundle.
        open_bundle: opens it.
        changes: of its catalogue, here and from before; they end with the process if None.
    """

    def __init__(
        self, folder: Path, open_bundle: Callable[[Path], Recommender], changes: CatalogueChanges | None = None
    ) -> None:
        self._folder, self._open = folder, open_bundle
        self._opening, self._exchanging = threading.Lock(), threading.Lock()
        self._changes = changes or CatalogueChanges()
        self.recommender = open_bundle(folder)
        self._catch_up(self.recommender)
        pass_over_what_is_there()

    def reload(self) -> None:
        """Open the folder again; the bundle from before answers until the new one can.

        Raises:
            BundleError: it cannot be used; the one from before stays.
            RequestError: it is being opened already.
        """
        if not self._opening.acquire(blocking=False):
            raise RequestError("the bundle is being opened already")
        try:
            opened = self._open(self._folder)
            with self._exchanging:
                self._catch_up(opened)
                self.recommender = opened
            pass_over_what_is_there()
        finally:
            self._opening.release()

    @contextmanager
    def change(self) -> Iterator[tuple[Recommender, CatalogueChanges]]:
        """What is to be changed, and where that is noted; nobody else changes or exchanges it meanwhile."""
        with self._exchanging:
            yield self.recommender, self._changes

    def _catch_up(self, opened: Recommender) -> None:
        for failed in self._changes.apply(opened):
            print(f"not added again: {failed}", flush=True)


def build_service(
    served: Served, keys: Sequence[str] = (), at_once: int = 256, wait_ms: float = 0.0, alone: bool = True
) -> FastAPI:
    """The service as an ASGI application.

    Args:
        served: the bundle.
        keys: one of which every request needs as `Authorization: Bearer KEY`, but for /health and /metrics; nobody
            needs one if empty.
        at_once: requests that are answered or wait; more are refused with 503.
        wait_ms: how long recommendations wait for more that are asked for, to be found together.
        alone: whether nobody else serves the bundle; paths that change the catalogue are there only then.
    """
    app = FastAPI(title="Molar", description="Recommendations from a bundle.", version="1")
    metrics = Metrics()
    metrics.items.set(len(served.recommender.catalog))
    bearer = HTTPBearer(auto_error=False)

    async def known(given: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)]) -> None:
        shown = given.credentials.encode() if given else b""
        if not any(secrets.compare_digest(shown, key.encode()) for key in keys):
            raise HTTPException(401, "a key is needed", {"WWW-Authenticate": "Bearer"})

    routers = [_questions(served, Batches(wait_ms)), *([_changes(served, metrics)] if alone else [])]
    for router in routers:
        app.include_router(router, dependencies=[Depends(known)] if keys else None, responses=_REFUSALS)

    @app.get("/health")
    def health() -> schema.Health:
        """Whether it answers, and with what."""
        one = served.recommender
        return schema.Health(
            status="ok",
            bundle=one.manifest.name,
            created=one.manifest.created,
            device=one.device,
            precision=one.precision,
            items=len(one.catalog),
        )

    @app.get("/metrics", response_class=Response)
    def read_metrics() -> Response:
        """For Prometheus."""
        return Response(generate_latest(metrics.registry), media_type=CONTENT_TYPE_LATEST)

    @app.exception_handler(MolarError)
    def refuse(_: Request, error: MolarError) -> JSONResponse:
        return JSONResponse({"detail": str(error)}, 503 if isinstance(error, BundleError | UnavailableError) else 422)

    @app.exception_handler(RequestValidationError)
    def explain_refusal(_: Request, error: RequestValidationError) -> JSONResponse:
        said = [f"{'.'.join(map(str, one['loc'][1:]))}: {one['msg']}".lstrip(": ") for one in error.errors()]
        return JSONResponse({"detail": "; ".join(said)}, 422)

    app.add_middleware(Counted, metrics=metrics, prefix="/v1/", most=at_once)
    app.add_middleware(SmallRequests)
    return app


def _questions(served: Served, batches: Batches) -> APIRouter:
    router = APIRouter(prefix="/v1")

    @router.post("/recommend", response_model=schema.Recommended)
    async def recommend(asked: schema.Recommend) -> Response:
        """The best items for somebody."""
        one = served.recommender
        started = time.perf_counter()
        question = (asked.history, asked.k, asked.where or None, asked.mode, asked.exclude_seen, asked.exclude)
        # A filter is looked up in the catalogue's file.
        request = await run_in_threadpool(one.request, *question) if asked.where else one.request(*question)
        found = await batches.answer(one, request)
        milliseconds = (time.perf_counter() - started) * 1e3
        items = [schema.RecommendedItem(item_id=each.item_id, score=each.score) for each in found]
        if asked.details:
            details = await run_in_threadpool(one.catalog.items, [each.row for each in found])
            for shown, item in zip(items, details, strict=True):
                shown.title, shown.attributes = item.title, item.attributes
        answer = schema.Recommended(items=items, mode=request.mode, bundle=one.manifest.name, milliseconds=milliseconds)
        # FastAPI would check again what was just made.
        return Response(answer.model_dump_json(), media_type="application/json")

    @router.post("/explain")
    def explain(asked: schema.Explain) -> schema.Explained:
        """Why an item is recommended after a history, or is not."""
        found = served.recommender.explain(asked.history, asked.item_id, asked.mode)
        causes = [schema.Cause(item_id=item_id, contribution=loss) for item_id, loss in found.history]
        return schema.Explained(score=found.score, history=causes, sources=found.sources)

    @router.get("/items/{item_id}")
    def item(item_id: str) -> schema.Item:
        """One item of the catalogue."""
        return _shown(served.recommender, item_id)

    return router


def _changes(served: Served, metrics: Metrics) -> APIRouter:
    router = APIRouter(prefix="/v1")

    @router.post("/items", status_code=201)
    def add(new: schema.NewItem) -> schema.Item:
        """Add an item: the next request can recommend it."""
        with served.change() as (one, changes):
            changes.add(one, new)
            metrics.items.set(len(one.catalog))
            return _shown(one, new.item_id)

    @router.delete("/items/{item_id}", status_code=204)
    def remove(item_id: str) -> None:
        """Take an item out of the catalogue."""
        with served.change() as (one, changes):
            changes.remove(_known(one, item_id), item_id)
            metrics.items.set(len(one.catalog))

    @router.post("/items/{item_id}/hide", status_code=204)
    def hide(item_id: str) -> None:
        """Recommend an item no more; histories may hold it."""
        with served.change() as (one, changes):
            changes.hide(_known(one, item_id), item_id, True)

    @router.post("/items/{item_id}/show", status_code=204)
    def show(item_id: str) -> None:
        """Recommend a hidden item again."""
        with served.change() as (one, changes):
            changes.hide(_known(one, item_id), item_id, False)

    @router.post("/reload", status_code=204)
    def reload() -> None:
        """Open the bundle's folder again, after another bundle has been put there."""
        served.reload()
        metrics.reloads.inc()
        metrics.items.set(len(served.recommender.catalog))

    return router


def _known(one: Recommender, item_id: str) -> Recommender:
    if item_id not in one.catalog:
        raise HTTPException(404, f"there is no item {item_id!r}")
    return one


def _shown(one: Recommender, item_id: str) -> schema.Item:
    catalog = _known(one, item_id).catalog
    found = catalog.items(catalog.rows([item_id]))[0]
    return schema.Item(
        item_id=found.item_id,
        title=found.title,
        description=found.description,
        attributes=found.attributes,
        popularity=found.popularity,
    )
