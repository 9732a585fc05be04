"""The service: its parts put together."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psycopg
from fastapi import FastAPI, Response
from psycopg_pool import PoolTimeout

from stemhub_service import database_answers, problems
from stemhub_service.database import Database, rows
from stemhub_service.logs import RequestLog

from . import artifacts, parsing, payments, projects, users
from .assertions import Assertions
from .settings import Settings, read_settings
from .tokens import Tokens

_READY_SECONDS = 1.5
"""Below the probe's own timeout, so that the reason is told."""

_log = logging.getLogger(__name__)


def create_app(settings: Settings) -> FastAPI:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        await app.state.database.open()
        yield
        await app.state.database.close()

    app = FastAPI(title="StemHub", lifespan=lifespan)
    app.state.tokens = tokens = Tokens(settings)
    app.state.assertions = Assertions(settings, tokens.issuers)
    app.state.settings = settings
    app.state.database = Database(settings.database_url, settings.database_read_url)
    app.state.artifacts = artifacts.Artifacts(settings.storage) if settings.storage else None
    app.state.parser = parsing.Parser(settings.dawparser_url)
    problems.install(app)
    database_answers.install(app)
    app.add_middleware(RequestLog)
    for module in (users, projects, artifacts, parsing, payments):
        app.include_router(module.router)

    @app.get("/healthz", include_in_schema=False)
    async def healthz() -> dict:
        """The process answers. It asks nobody: a restart mends no database."""
        return {"status": "ok"}

    @app.get("/readyz", include_in_schema=False)
    async def readyz(response: Response) -> dict:
        """DATABASE_URL answers a read in time. Object storage may be away: most works without it."""
        probe = asyncio.create_task(app.state.database.read(rows("SELECT 1 AS one", {}), only="primary"))
        # Not asyncio.timeout: a query that is cancelled may take seconds to end where the server hangs.
        done, _ = await asyncio.wait({probe}, timeout=_READY_SECONDS)
        if not done:
            probe.cancel()
            return _not_ready(response, "Timeout")
        try:
            _, role = probe.result()
        except (psycopg.Error, PoolTimeout, TimeoutError) as error:
            return _not_ready(response, type(error).__name__)
        return {"status": "ok", "database": role}

    return app


def _not_ready(response: Response, reason: str) -> dict:
    _log.warning("not ready", extra={"reason": reason})
    response.status_code = 503
    return {"status": "not ready", "reason": reason}


def app() -> FastAPI:
    """What uvicorn starts: `uvicorn --factory stemhub_api.main:app`."""
    return create_app(read_settings())
