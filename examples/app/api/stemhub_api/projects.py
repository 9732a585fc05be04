"""Projects, their collaborators, branches and versions."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

import psycopg
from fastapi import APIRouter
from pydantic import BaseModel, EmailStr, Field

from stemhub_service.database import Connection, NotThere, Transaction, one, rows
from stemhub_service.problems import Problem, not_found

from .access import Access
from .idempotency import Writes
from .identity import Author, User

router = APIRouter(prefix="/api/projects", tags=["projects"])
"""Every change below takes Author: a gateway's route is a prefix, and all of them may be queued by the same one."""

LARGEST_ARTIFACT = 5 * 1024**3
"""Bytes. More does not fit into a single PUT, in S3 as in R2."""


class Role(StrEnum):
    """What a collaborator may do: each may what the ones before may."""

    viewer = "Viewer"
    editor = "Editor"
    admin = "Admin"

    def includes(self, other: "Role") -> bool:
        order = list(Role)
        return order.index(self) >= order.index(other)


class NewProject(BaseModel):
    name: str = Field(min_length=1, max_length=200)


class Project(BaseModel):
    id: UUID
    name: str
    storage_path: str
    created_at: datetime
    role: Role


class Collaborator(BaseModel):
    email: EmailStr
    role: Role


class NewBranch(BaseModel):
    name: str = Field(min_length=1, max_length=100, pattern=r"^[A-Za-z0-9._/-]+$")
    from_version: UUID | None = None


class Branch(BaseModel):
    id: UUID
    name: str
    head_id: UUID | None


class NewVersion(BaseModel):
    message: str = Field(min_length=1, max_length=1000)
    artifact_sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    artifact_size: int = Field(ge=0, le=LARGEST_ARTIFACT)
    daw: str = Field(min_length=1, max_length=100)


class Version(BaseModel):
    id: UUID
    parent_id: UUID | None
    message: str
    artifact_sha256: str
    artifact_size: int
    daw: str
    created_at: datetime
    uploaded_at: datetime | None
    session: dict[str, Any] | None
    """Tempo and tracks, where somebody has read them from the file."""


_PROJECT = (
    "SELECT p.id, p.name, p.storage_path, p.created_at, c.role FROM projects p"
    " JOIN collaborators c ON c.project_id = p.id AND c.user_id = %(user)s"
)
_VERSION = "id, parent_id, message, artifact_sha256, artifact_size, daw, created_at, uploaded_at, session"


async def require(connection: Connection, project: UUID, user: UUID, least: Role) -> dict:
    """The project, where the user's role is at least that. Somebody without any role learns nothing of it.

    Raises NotThere, and Problem where the role is too small. A write asks in its own transaction, so that who has just
    lost a role cannot use it on a replica that does not know yet.
    """
    found = await one(f"{_PROJECT} WHERE p.id = %(project)s", {"user": user, "project": project})(connection)
    if not Role(found["role"]).includes(least):
        raise Problem(403, f"This needs the role {least.value}; yours is {found['role']}. Ask an Admin of the project.")
    return found


@router.post("", status_code=201, response_model=Project)
async def create_project(body: NewProject, user: Author, writes: Writes) -> dict:
    async def create(transaction: Transaction) -> dict:
        project = await transaction.one(
            "WITH made AS (SELECT gen_random_uuid() AS id)"
            " INSERT INTO projects (id, name, owner_id, storage_path)"
            " SELECT id, %(name)s, %(user)s, 'projects/' || id FROM made RETURNING id, name, storage_path, created_at",
            {"name": body.name, "user": user},
        )
        values = {"project": project["id"], "user": user}
        await transaction.execute("INSERT INTO collaborators VALUES (%(project)s, %(user)s, 'Admin')", values)
        await transaction.execute("INSERT INTO branches (project_id, name) VALUES (%(project)s, 'main')", values)
        return {**project, "role": Role.admin}

    return await writes.once(user, create)


@router.patch("/{project}", response_model=Project)
async def rename_project(project: UUID, body: NewProject, user: Author, writes: Writes) -> dict:
    async def rename(transaction: Transaction) -> dict:
        found = await _require_for_write(transaction.connection, project, user, Role.editor)
        values = {"project": project, "name": body.name}
        await transaction.execute("UPDATE projects SET name = %(name)s WHERE id = %(project)s", values)
        return {**found, "name": body.name}

    return await writes.once(user, rename)


@router.get("", response_model=list[Project])
async def list_projects(user: User, database: Access) -> list[dict]:
    return await database.read(rows(f"{_PROJECT} ORDER BY p.created_at, p.id", {"user": user}))


@router.get("/{project}", response_model=Project)
async def get_project(project: UUID, user: User, database: Access) -> dict:
    try:
        return await database.read(lambda connection: require(connection, project, user, Role.viewer))
    except NotThere as error:
        raise not_found("project") from error


@router.get("/{project}/collaborators", response_model=list[Collaborator])
async def list_collaborators(project: UUID, user: User, database: Access) -> list[dict]:
    return await _list(
        database,
        project,
        user,
        "SELECT u.email, c.role FROM collaborators c JOIN users u ON u.id = c.user_id"
        " WHERE c.project_id = %(project)s ORDER BY u.email",
    )


@router.put("/{project}/collaborators", status_code=204)
async def put_collaborator(project: UUID, body: Collaborator, user: Author, writes: Writes) -> None:
    """Gives somebody a role, or another one. The owner stays an Admin: a project without any could not be mended."""

    async def put(transaction: Transaction) -> None:
        await _require_for_write(transaction.connection, project, user, Role.admin)
        changed = await transaction.rows(
            "INSERT INTO collaborators (project_id, user_id, role)"
            ' SELECT p.id, u.id, %(role)s::"Role" FROM users u, projects p'
            " WHERE u.email = lower(%(email)s) AND p.id = %(project)s"
            " AND (u.id <> p.owner_id OR %(role)s = 'Admin')"
            " ON CONFLICT (project_id, user_id) DO UPDATE SET role = excluded.role RETURNING user_id",
            {"project": project, "role": body.role.value, "email": body.email},
        )
        if changed:
            return
        if await transaction.rows("SELECT FROM users WHERE email = lower(%(email)s)", {"email": body.email}):
            raise Problem(409, "The owner of a project stays its Admin.")
        raise Problem(404, "Nobody has an account with this address. Ask them to sign up first.")

    await writes.once(user, put)


@router.get("/{project}/branches", response_model=list[Branch])
async def list_branches(project: UUID, user: User, database: Access) -> list[dict]:
    return await _list(
        database, project, user, "SELECT id, name, head_id FROM branches WHERE project_id = %(project)s ORDER BY name"
    )


@router.post("/{project}/branches", status_code=201, response_model=Branch)
async def create_branch(project: UUID, body: NewBranch, user: Author, writes: Writes) -> dict:
    async def create(transaction: Transaction) -> dict:
        await _require_for_write(transaction.connection, project, user, Role.editor)
        return await transaction.one(
            "INSERT INTO branches (project_id, name, head_id) SELECT %(project)s, %(name)s, %(head)s"
            " WHERE %(head)s::uuid IS NULL OR EXISTS"
            " (SELECT FROM versions WHERE id = %(head)s AND project_id = %(project)s)"
            " RETURNING id, name, head_id",
            {"project": project, "name": body.name, "head": body.from_version},
        )

    try:
        return await writes.once(user, create)
    except psycopg.errors.UniqueViolation as error:
        raise Problem(409, f"There is a branch {body.name} already.") from error
    except NotThere as error:
        raise not_found("version") from error


@router.post("/{project}/branches/{branch}/versions", status_code=201, response_model=Version)
async def create_version(project: UUID, branch: UUID, body: NewVersion, user: Author, writes: Writes) -> dict:
    """A version on a branch; its parent is what the branch pointed at. The artifact is uploaded afterwards."""

    async def create(transaction: Transaction) -> dict:
        await _require_for_write(transaction.connection, project, user, Role.editor)
        # Locked: of two versions at once, the second has the first as its parent.
        found = await transaction.one(
            "SELECT head_id FROM branches WHERE id = %(branch)s AND project_id = %(project)s FOR UPDATE",
            {"branch": branch, "project": project},
        )
        version = await transaction.one(
            "INSERT INTO versions (project_id, parent_id, author_id, message, artifact_sha256, artifact_size, daw)"
            " VALUES (%(project)s, %(parent)s, %(user)s, %(message)s, %(artifact_sha256)s, %(artifact_size)s,"
            f" %(daw)s) RETURNING {_VERSION}",
            {"project": project, "parent": found["head_id"], "user": user, **body.model_dump()},
        )
        await transaction.execute(
            "UPDATE branches SET head_id = %(version)s WHERE id = %(branch)s",
            {"version": version["id"], "branch": branch},
        )
        return version

    try:
        return await writes.once(user, create)
    except NotThere as error:
        raise not_found("branch") from error


@router.get("/{project}/versions", response_model=list[Version])
async def list_versions(project: UUID, user: User, database: Access) -> list[dict]:
    sql = f"SELECT {_VERSION} FROM versions WHERE project_id = %(project)s ORDER BY created_at, id"
    return await _list(database, project, user, sql)


async def _list(database: Access, project: UUID, user: UUID, sql: str) -> list[dict]:
    """What a project has, for whoever may see the project."""

    async def query(connection: Connection) -> list[dict]:
        await require(connection, project, user, Role.viewer)
        return await rows(sql, {"project": project})(connection)

    try:
        return await database.read(query)
    except NotThere as error:
        raise not_found("project") from error


async def _require_for_write(connection: Connection, project: UUID, user: UUID, least: Role) -> dict:
    try:
        return await require(connection, project, user, least)
    except NotThere as error:
        raise not_found("project") from error
