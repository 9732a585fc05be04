"""The service: its parts put together."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, Response

from stemhub_service import database_answers, problems
from stemhub_service.database import Database
from stemhub_service.logs import RequestLog

from . import routes
from .keys import KeyRing
from .settings import Settings, read_settings
from .tokens import Tokens

_log = logging.getLogger(__name__)


def create_app(settings: Settings, ring: KeyRing | None = None) -> FastAPI:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        await app.state.database.open()
        yield
        await app.state.database.close()

    app = FastAPI(title="StemHub sign-in", lifespan=lifespan)
    app.state.settings = settings
    app.state.ring = ring or KeyRing(settings.keys)
    app.state.tokens = Tokens(settings, app.state.ring)
    app.state.database = Database(settings.database_url, None)
    problems.install(app)
    database_answers.install(app)
    app.add_middleware(RequestLog)
    app.include_router(routes.router)

    @app.get("/healthz", include_in_schema=False)
    async def healthz() -> dict:
        """The process answers."""
        return {"status": "ok"}

    @app.get("/readyz", include_in_schema=False)
    async def readyz(response: Response) -> dict:
        """There is a key to sign with. The database is not asked: without it the key set is still to be had here, and
        a sign-in is told why it cannot be done."""
        if app.state.ring.signing() is None:
            _log.warning("not ready", extra={"reason": "NoKey"})
            response.status_code = 503
            return {"status": "not ready", "reason": "NoKey"}
        return {"status": "ok"}

    return app


def app() -> FastAPI:
    """What uvicorn starts."""
    return create_app(read_settings())
