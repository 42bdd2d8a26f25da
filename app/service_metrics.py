"""What Prometheus reads of the service, and the count of requests that it takes at once."""

import time

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_BUCKETS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 5.0)  # seconds


class Metrics:
    """Counters of one service."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        names = ("path", "status")
        self.requests = Counter("molar_requests", "Requests answered.", names, registry=self.registry)
        self.seconds = Histogram(
            "molar_request_seconds", "From request to answer.", ("path",), buckets=_BUCKETS, registry=self.registry
        )
        self.at_once = Gauge("molar_requests_at_once", "Requests that are being answered.", registry=self.registry)
        self.items = Gauge("molar_items", "Items of the bundle.", registry=self.registry)
        self.reloads = Counter("molar_reloads", "Bundles opened while serving.", registry=self.registry)


class Counted:
    """Counts and times requests, and refuses those beyond a number at once.

    Args:
        app: what is behind it.
        metrics: that are written.
        prefix: of the paths that count.
        most: requests at once.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics, prefix: str, most: int) -> None:
        self._app, self._metrics, self._prefix, self._most = app, metrics, prefix, most
        self._now = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(self._prefix):
            await self._app(scope, receive, send)
            return
        if self._now >= self._most:
            refusal = JSONResponse({"detail": "too many requests at once"}, 503, {"Retry-After": "1"})
            await refusal(scope, receive, send)
            self._metrics.requests.labels("refused", 503).inc()
            return
        status = 500

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        self._now += 1
        self._metrics.at_once.set(self._now)
        started = time.perf_counter()
        try:
            await self._app(scope, receive, watched)
        finally:
            self._now -= 1
            self._metrics.at_once.set(self._now)
            path = getattr(scope.get("route"), "path", "unknown")  # the pattern, not what was asked for
            self._metrics.seconds.labels(path).observe(time.perf_counter() - started)
            self._metrics.requests.labels(path, status).inc()
