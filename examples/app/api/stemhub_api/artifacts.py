"""Artifacts in object storage: what a version points at, by its SHA-256."""

import hashlib
import tempfile
from collections.abc import Iterator
from typing import Annotated, BinaryIO
from uuid import UUID

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import StreamingResponse
from psycopg.types.json import Jsonb
from starlette.concurrency import run_in_threadpool

from stemhub_service.database import Connection, NotThere, one
from stemhub_service.problems import Problem, not_found

from .access import Access
from .identity import User
from .projects import Role, require
from .settings import Storage

router = APIRouter(prefix="/api/artifacts/{project}/{version}", tags=["artifacts"])
"""A prefix of their own, so that a gateway knows what needs the storage."""

_IN_MEMORY = 1024 * 1024
_CHUNK = 256 * 1024


class Artifacts:
    """The bucket. Uses what S3 and Cloudflare R2 both have: no versioning, no tags, a conditional PUT."""

    def __init__(self, storage: Storage) -> None:
        self._bucket = storage.bucket
        self._client = boto3.client(
            "s3",
            endpoint_url=storage.endpoint,
            region_name=storage.region,
            aws_access_key_id=storage.access_key_id,
            aws_secret_access_key=storage.secret_access_key,
            verify=storage.ca_file or True,
            config=Config(
                connect_timeout=3,
                read_timeout=30,
                retries={"max_attempts": 3, "mode": "standard"},
                s3={"addressing_style": "path"},
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
            ),
        )

    def put(self, key: str, body: BinaryIO) -> None:
        """Stores it unless it is there: an artifact's key is its digest, so what is there is the same."""
        try:
            self._client.put_object(Bucket=self._bucket, Key=key, Body=body, IfNoneMatch="*")
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] != 412:
                raise

    def get(self, key: str, sha256: str) -> tuple[Iterator[bytes], int]:
        """Its bytes and their number. The last come only when the digest is right: a wrong file is never whole."""
        found = self._client.get_object(Bucket=self._bucket, Key=key)
        return _verified(found["Body"].iter_chunks(_CHUNK), sha256), found["ContentLength"]


def _verified(chunks: Iterator[bytes], sha256: str) -> Iterator[bytes]:
    digest, held = hashlib.sha256(), b""
    for chunk in chunks:
        digest.update(chunk)
        if held:
            yield held
        held = chunk
    if digest.hexdigest() != sha256:
        raise OSError("an artifact in object storage is not what its name says")
    yield held


def _artifacts(request: Request) -> Artifacts:
    if request.app.state.artifacts is None:
        raise Problem(503, "File storage is not configured. Keep your copy and try again later.")
    return request.app.state.artifacts


Store = Annotated[Artifacts, Depends(_artifacts)]


async def _find(connection: Connection, project: UUID, version: UUID, user: UUID, least: Role) -> dict:
    await require(connection, project, user, least)
    return await one(
        "SELECT v.artifact_sha256, v.artifact_size, v.uploaded_at, p.storage_path || '/' || v.artifact_sha256 AS key"
        " FROM versions v JOIN projects p ON p.id = v.project_id WHERE v.id = %(version)s AND p.id = %(project)s",
        {"version": version, "project": project},
    )(connection)


@router.put("", status_code=204)
async def upload(project: UUID, version: UUID, user: User, store: Store, database: Access, request: Request) -> None:
    """The body is the file. It is stored when its size and SHA-256 are those that the version names."""
    try:
        wanted = await database.read(lambda connection: _find(connection, project, version, user, Role.editor))
    except NotThere as error:
        raise not_found("version") from error
    digest, size = hashlib.sha256(), 0
    # On disk, not in memory: files are large, and only a whole and right one may be sent on.
    with tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY) as spool:
        async for chunk in request.stream():
            size += len(chunk)
            if size > wanted["artifact_size"]:
                break
            digest.update(chunk)
            await run_in_threadpool(spool.write, chunk)
        if size != wanted["artifact_size"] or digest.hexdigest() != wanted["artifact_sha256"]:
            detail = "The file is not the one that the version names: size or SHA-256 differ. Upload it again."
            raise Problem(422, detail)
        spool.seek(0)
        try:
            await run_in_threadpool(store.put, wanted["key"], spool)
        except (BotoCoreError, ClientError) as error:
            raise _away("Keep your copy and try again.") from error
        session = await request.app.state.parser.parse_if_possible(spool, size)
    async with database.write() as transaction:
        await transaction.execute(
            "UPDATE versions SET uploaded_at = now(), session = coalesce(%(session)s, session) WHERE id = %(version)s",
            {"version": version, "session": Jsonb(session) if session else None},
        )


@router.get("")
async def download(project: UUID, version: UUID, user: User, store: Store, database: Access) -> Response:
    """Not uploaded is 409, as the primary says: a replica may not know yet of an upload."""

    async def find(connection: Connection) -> dict:
        return await _find(connection, project, version, user, Role.viewer)

    try:
        wanted = await database.read(find)
        if wanted["uploaded_at"] is None:
            wanted = await database.read(find, only="primary")
    except NotThere as error:
        raise not_found("version") from error
    if wanted["uploaded_at"] is None:
        raise Problem(409, "The file of this version was not uploaded yet. Ask its author.")
    try:
        chunks, size = await run_in_threadpool(store.get, wanted["key"], wanted["artifact_sha256"])
    except (BotoCoreError, ClientError) as error:
        raise _away("Try again in a moment.") from error
    headers = {"Content-Length": str(size), "ETag": f'"{wanted["artifact_sha256"]}"'}
    return StreamingResponse(chunks, media_type="application/octet-stream", headers=headers)


def _away(what_to_do: str) -> Problem:
    return Problem(503, f"File storage cannot be reached. {what_to_do}", {"Retry-After": "10"})
