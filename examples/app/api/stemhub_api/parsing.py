"""Tempo and tracks of a DAW's file: asked of the parser, and done without where it is away."""

import hashlib
import json
import logging
import tempfile
from typing import Annotated, Any, BinaryIO

import urllib3
from anyio.to_thread import run_sync
from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel

from stemhub_service.problems import Problem

from .identity import User

router = APIRouter(prefix="/api/parse", tags=["parsing"])

LARGEST_FILE = 32 * 1024**2
"""Bytes; as much as the parser takes."""
_ANSWER_SECONDS = 5
"""An upload waits for no longer: its file is stored already."""
_IN_MEMORY = 1024 * 1024
_LARGEST_ANSWER = 1024 * 1024
_DAWS = {b"\x1f\x8b": "Ableton Live", b"<REAPER_PROJECT": "Reaper"}
"""By what their files begin with. Ableton's is the mark of gzip, so a file may be something else after all."""

_log = logging.getLogger(__name__)


class Away(Exception):
    """The parser cannot be asked, or does not answer in time."""


class Refused(Exception):
    """The parser has read the file and cannot make sense of it. The message is for the user."""


class Parser:
    def __init__(self, url: str | None) -> None:
        """`url`: None where there is no parser."""
        self._url = url
        timeout = urllib3.Timeout(connect=1, read=_ANSWER_SECONDS)
        self._http = urllib3.PoolManager(timeout=timeout, retries=False, maxsize=4)

    async def parse(self, file: BinaryIO, size: int) -> dict[str, Any]:
        """`{daw, tempo, tracks}`. Raises Away and Refused."""
        if self._url is None:
            raise Away
        file.seek(0)
        return await run_sync(self._ask, file, size)

    async def parse_if_possible(self, file: BinaryIO, size: int) -> dict[str, Any] | None:
        """None for whatever is not a DAW's file, and while the parser is away: a file is stored all the same."""
        file.seek(0)
        if size > LARGEST_FILE or daw_of(file.read(32)) is None:
            return None
        try:
            return await self.parse(file, size)
        except (Away, Refused) as error:
            _log.info("a file is stored without its tracks", extra={"reason": type(error).__name__})
            return None

    def _ask(self, file: BinaryIO, size: int) -> dict[str, Any]:
        try:
            answer = self._http.request(
                "POST", f"{self._url}/parse", body=file, headers={"Content-Length": str(size)}, preload_content=False
            )
            try:
                told = json.loads(answer.read(_LARGEST_ANSWER))
            finally:
                answer.release_conn()
        except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            raise Away from error
        if answer.status == 200 and isinstance(told, dict):
            return told
        if answer.status in (413, 415, 422) and isinstance(told, dict):
            raise Refused(str(told.get("detail", "")))
        raise Away


def daw_of(beginning: bytes) -> str | None:
    return next((name for mark, name in _DAWS.items() if beginning.lstrip().startswith(mark)), None)


class Parsed(BaseModel):
    parsed: bool
    """False: what could be told without the parser."""
    daw: str | None
    tempo: float | None = None
    tracks: list[dict[str, str]] | None = None
    size: int
    sha256: str


class _File:
    """The body, on disk where it is large."""

    def __init__(self, content: BinaryIO, size: int, sha256: str) -> None:
        self.content, self.size, self.sha256 = content, size, sha256


async def _file(request: Request):
    digest, size = hashlib.sha256(), 0
    with tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY) as spool:
        async for chunk in request.stream():
            size += len(chunk)
            if size > LARGEST_FILE:
                raise Problem(413, f"Files of up to {LARGEST_FILE // 1024**2} MiB are read.")
            digest.update(chunk)
            await run_sync(spool.write, chunk)
        yield _File(spool, size, digest.hexdigest())


File = Annotated[_File, Depends(_file)]


@router.post("", response_model=Parsed)
async def parse(user: User, file: File, request: Request, response: Response) -> dict:
    """The body is the file; nothing is kept. Without the parser the answer is the basic one, and marked so."""
    try:
        found = await request.app.state.parser.parse(file.content, file.size)
        return {**found, "parsed": True, "size": file.size, "sha256": file.sha256}
    except Refused as error:
        raise Problem(422, str(error)) from error
    except Away:
        response.headers["X-StemHub-Fallback"] = "true"
        return _basic(file)


@router.post("/basic", response_model=Parsed)
async def parse_basic(user: User, file: File) -> dict:
    """What needs no parser: the DAW by the file's first bytes, size and digest. The gateway's fallback for `parse`."""
    return _basic(file)


def _basic(file: _File) -> dict:
    file.content.seek(0)
    return {"parsed": False, "daw": daw_of(file.content.read(32)), "size": file.size, "sha256": file.sha256}
