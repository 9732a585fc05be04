"""Artifacts in object storage: what a version points at, by its SHA-256."""

import hashlib
import tempfile
from collections.abc import Iterator
from uuid import UUID

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse
from starlette.concurrency import run_in_threadpool

from .identity import User
from .problems import Problem, not_found
from .projects import Role, require
from .settings import Storage

router = APIRouter()
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

    def put(self, key: str, body) -> None:
        """Stores it unless it is there: an artifact's key is its digest, so what is there is the same."""
        try:
            self._client.put_object(Bucket=self._bucket, Key=key, Body=body, IfNoneMatch="*")
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] != 412:
                raise

    def get(self, key: str) -> tuple[Iterator[bytes], int]:
        found = self._client.get_object(Bucket=self._bucket, Key=key)
        return found["Body"].iter_chunks(_CHUNK), found["ContentLength"]


async def _version(request: Request, project: UUID, version: UUID) -> dict:
    rows, _ = await request.app.state.database.read(
        "SELECT v.artifact_sha256, v.artifact_size, v.uploaded_at, p.storage_path || '/' || v.artifact_sha256 AS key"
        " FROM versions v JOIN projects p ON p.id = v.project_id WHERE v.id = %(version)s AND p.id = %(project)s",
        {"version": version, "project": project},
    )
    if not rows:
        raise not_found("version")
    return rows[0]


def _artifacts(request: Request) -> Artifacts:
    if request.app.state.artifacts is None:
        raise Problem(503, "File storage is not configured. Keep your copy and try again later.")
    return request.app.state.artifacts


def _away(what_to_do: str) -> Problem:
    return Problem(503, f"File storage cannot be reached. {what_to_do}", {"Retry-After": "10"})


@router.put("/api/projects/{project}/versions/{version}/artifact", status_code=204)
async def upload(project: UUID, version: UUID, user: User, request: Request) -> None:
    await require(request, project, user, Role.editor)
    artifacts, wanted = _artifacts(request), await _version(request, project, version)
    digest, size = hashlib.sha256(), 0
    with tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY) as spool:
        async for chunk in request.stream():
            size += len(chunk)
            if size > wanted["artifact_size"]:
                break
            digest.update(chunk)
            await run_in_threadpool(spool.write, chunk)
        if size != wanted["artifact_size"] or digest.hexdigest() != wanted["artifact_sha256"]:
            raise Problem(
                422, "The file is not the one that the version names: size or SHA-256 differ. Upload it again."
            )
        spool.seek(0)
        try:
            await run_in_threadpool(artifacts.put, wanted["key"], spool)
        except (BotoCoreError, ClientError) as error:
            raise Problem(
                503, "File storage cannot be reached. Keep your copy and try again.", {"Retry-After": "10"}
            ) from error
    async with request.app.state.database.transaction() as connection:
        await connection.execute("UPDATE versions SET uploaded_at = now() WHERE id = %(version)s", {"version": version})


@router.get("/api/projects/{project}/versions/{version}/artifact")
async def download(project: UUID, version: UUID, user: User, request: Request) -> Response:
    await require(request, project, user, Role.viewer)
    artifacts, wanted = _artifacts(request), await _version(request, project, version)
    if wanted["uploaded_at"] is None:
        raise Problem(409, "The file of this version was not uploaded yet. Ask its author.")
    try:
        chunks, size = await run_in_threadpool(artifacts.get, wanted["key"])
    except (BotoCoreError, ClientError) as error:
        raise _away("Try again in a moment.") from error
    headers = {"Content-Length": str(size), "ETag": f'"{wanted["artifact_sha256"]}"'}
    return StreamingResponse(chunks, media_type="application/octet-stream", headers=headers)
