"""The service: wiring, health, and a log line a request."""

import asyncio
import json
import sys
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request, Response

from . import artifacts, problems, projects, users
from .database import Database
from .settings import Settings, read_settings

_READY_SECONDS = 1.5


def create_app(settings: Settings) -> FastAPI:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        await app.state.database.open()
        yield
        await app.state.database.close()

    app = FastAPI(title="StemHub", lifespan=lifespan)
    app.state.settings = settings
    app.state.database = Database(settings.database_url, settings.database_read_url)
    app.state.artifacts = artifacts.Artifacts(settings.storage) if settings.storage else None
    problems.install(app)
    app.middleware("http")(_log)
    for module in (users, projects, artifacts):
        app.include_router(module.router)

    @app.get("/healthz")
    async def healthz() -> dict:
        """The process answers. It asks nobody: a restart mends no database."""
        return {"status": "ok"}

    @app.get("/readyz")
    async def readyz(response: Response) -> dict:
        """A read comes back in time, from the primary or from a replica."""
        try:
            async with asyncio.timeout(_READY_SECONDS):
                await app.state.database.read("SELECT 1 AS one", {})
        except Exception as error:  # Whatever it is, it is the reason for not being ready.
            response.status_code = 503
            return {"status": "not ready", "reason": type(error).__name__}
        return {"status": "ok"}

    return app


async def _log(request: Request, call_next) -> Response:
    """One JSON line a request: no query, no headers, no body, in which secrets travel."""
    request_id = request.headers.get("x-request-id") or uuid.uuid4().hex
    started = time.perf_counter()
    response = await call_next(request)
    response.headers["X-Request-Id"] = request_id
    if request.url.path not in ("/healthz", "/readyz"):
        line = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "request_id": request_id,
            "method": request.method,
            "path": request.url.path,
            "status": response.status_code,
            "milliseconds": round((time.perf_counter() - started) * 1000),
        }
        print(json.dumps(line), file=sys.stdout, flush=True)
    return response


def app() -> FastAPI:
    """What uvicorn starts: `uvicorn --factory stemhub_api.main:app`."""
    return create_app(read_settings())
