"""The service: a file comes in, its tempo and tracks go out."""

from dataclasses import asdict

import anyio
from anyio.to_thread import run_sync
from fastapi import FastAPI, Request

from stemhub_service import problems
from stemhub_service.logs import RequestLog
from stemhub_service.problems import Problem

from . import ableton, reaper
from .session import LARGEST_FILE, Session, Unreadable

_AT_ONCE = 4
"""Files in memory. Whoever comes while there are as many is told to come again: a queue of them had no bound."""


def parse(content: bytes) -> Session:
    """By what the file begins with: its name may say anything. Raises Problem and Unreadable."""
    if content.startswith(ableton.MAGIC):
        return ableton.parse(content)
    if content.lstrip()[: len(reaper.MAGIC)] == reaper.MAGIC:
        return reaper.parse(content)
    raise Problem(415, "This is neither an Ableton Live set (.als) nor a Reaper project (.rpp).")


def create_app() -> FastAPI:
    app = FastAPI(title="StemHub DAW parser")
    problems.install(app)
    app.add_middleware(RequestLog)
    slots = anyio.CapacityLimiter(_AT_ONCE)

    @app.post("/parse")
    async def parse_file(request: Request) -> dict:
        """The body is the file."""
        try:
            slots.acquire_on_behalf_of_nowait(request)
        except anyio.WouldBlock as error:
            raise Problem(503, "Many files are being read. Try again in a moment.", {"Retry-After": "2"}) from error
        try:
            content = await _body(request)
            return asdict(await run_sync(parse, content))
        except Unreadable as error:
            raise Problem(422, f"This file cannot be read. {error}") from error
        finally:
            slots.release_on_behalf_of(request)

    @app.get("/healthz", include_in_schema=False)
    @app.get("/readyz", include_in_schema=False)
    async def healthz() -> dict:
        """It stands on nothing but itself."""
        return {"status": "ok"}

    return app


async def _body(request: Request) -> bytes:
    content = bytearray()
    async for chunk in request.stream():
        content += chunk
        if len(content) > LARGEST_FILE:
            raise Problem(413, f"Files of up to {LARGEST_FILE // 1024**2} MiB are read.")
    return bytes(content)


def app() -> FastAPI:
    """What uvicorn starts."""
    return create_app()
