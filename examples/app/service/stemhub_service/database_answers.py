"""What a request is told when the database is read-only or cannot be reached."""

import psycopg
import psycopg_pool
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from .problems import answer


def install(app: FastAPI) -> None:
    @app.exception_handler(psycopg.errors.ReadOnlySqlTransaction)
    async def read_only(_: Request, __: psycopg.Error) -> JSONResponse:
        # The gateway takes this header as the sign that the platform is read-only.
        headers = {"X-StemHub-Error": "read-only", "Retry-After": "5"}
        return answer(503, "Changes cannot be saved right now. Reading goes on; try again in a moment.", headers)

    @app.exception_handler(psycopg.OperationalError)
    @app.exception_handler(psycopg_pool.PoolTimeout)
    @app.exception_handler(TimeoutError)
    async def unreachable(request: Request, _: Exception) -> JSONResponse:
        detail = "The database cannot be reached. Try again in a moment."
        if request.method not in ("GET", "HEAD"):
            # The connection may have ended between the commit and its answer.
            detail = "The database cannot be reached. Look whether your change was saved, and try again in a moment."
        return answer(503, detail, {"Retry-After": "5"})
