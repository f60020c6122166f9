"""Counts each request by its route and status, and measures how long its answer took to begin."""

import time
from dataclasses import dataclass

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backend.metrics import Metrics

NO_ROUTE = "none"
"""For what leads nowhere: its paths are the caller's and may be any number."""
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


@dataclass(slots=True)
class RequestMetrics:
    """Stands before everything that answers."""

    app: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and count it once its answer begins."""
        services = scope.get("state", {}).get("services")
        if scope["type"] != "http" or services is None:
            await self.app(scope, receive, send)
            return
        begin, is_answered = time.perf_counter(), False

        async def counted(message: Message) -> None:
            nonlocal is_answered
            if message["type"] == "http.response.start":
                is_answered = True
                _count(services.metrics, scope, message["status"], time.perf_counter() - begin)
            await send(message)

        try:
            await self.app(scope, receive, counted)
        except Exception:
            # Answered with 500 further outside.
            if not is_answered:
                _count(services.metrics, scope, 500, time.perf_counter() - begin)
            raise


def _count(metrics: Metrics, scope: Scope, status: int, seconds: float) -> None:
    method = scope["method"] if scope["method"] in METHODS else "other"
    metrics.answered(method, scope["state"].get("route", NO_ROUTE), status, seconds)
