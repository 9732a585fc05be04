"""Projects, their collaborators, branches and versions."""

from enum import StrEnum
from typing import Annotated, Literal
from uuid import UUID

import psycopg
from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, EmailStr, Field

from .identity import User
from .problems import Problem, not_found

router = APIRouter()


class Role(StrEnum):
    admin = "Admin"
    editor = "Editor"
    viewer = "Viewer"


_RANK = {Role.viewer: 0, Role.editor: 1, Role.admin: 2}


class NewProject(BaseModel):
    name: str = Field(min_length=1, max_length=200)


class NewCollaborator(BaseModel):
    email: EmailStr
    role: Role


class NewBranch(BaseModel):
    name: str = Field(min_length=1, max_length=100, pattern=r"^[A-Za-z0-9._/-]+$")
    from_version: UUID | None = None


class NewVersion(BaseModel):
    message: str = Field(min_length=1, max_length=1000)
    artifact_sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    artifact_size: int = Field(ge=0, le=10 * 1024**3)
    daw: str = Field(min_length=1, max_length=100)


Read = Annotated[Literal["replica"] | None, Query(alias="read", description="replica: only a replica may answer.")]

_PROJECT = (
    "SELECT p.id, p.name, p.storage_path, p.created_at, c.role FROM projects p"
    " JOIN collaborators c ON c.project_id = p.id AND c.user_id = %(user)s"
)


async def read(
    request: Request, response: Response, sql: str, parameters: dict, read_from: str | None = None
) -> list[dict]:
    rows, source = await request.app.state.database.read(sql, parameters, replica_only=read_from == "replica")
    response.headers["X-StemHub-Served-By"] = source
    return rows


async def require(request: Request, project: UUID, user: UUID, least: Role) -> dict:
    """The project, where the user's role is at least that. Somebody without any role learns nothing of it."""
    rows, _ = await request.app.state.database.read(
        f"{_PROJECT} WHERE p.id = %(project)s", {"project": project, "user": user}
    )
    if not rows:
        raise not_found("project")
    if _RANK[Role(rows[0]["role"])] < _RANK[least]:
        raise Problem(
            403, f"This needs the role {least.value}; yours is {rows[0]['role']}. Ask an Admin of the project."
        )
    return rows[0]


@router.post("/api/projects", status_code=201)
async def create_project(body: NewProject, user: User, request: Request) -> dict:
    async with request.app.state.database.transaction() as connection:
        cursor = await connection.execute(
            "WITH made AS (SELECT gen_random_uuid() AS id)"
            " INSERT INTO projects (id, name, owner_id, storage_path)"
            " SELECT id, %(name)s, %(user)s, 'projects/' || id FROM made RETURNING id, name, storage_path, created_at",
            {"name": body.name, "user": user},
        )
        project = await cursor.fetchone()
        values = {"project": project["id"], "user": user}
        await connection.execute("INSERT INTO collaborators VALUES (%(project)s, %(user)s, 'Admin')", values)
        await connection.execute("INSERT INTO branches (project_id, name) VALUES (%(project)s, 'main')", values)
        return project


@router.get("/api/projects")
async def list_projects(user: User, request: Request, response: Response, read_from: Read = None) -> list[dict]:
    return await read(request, response, f"{_PROJECT} ORDER BY p.created_at", {"user": user}, read_from)


@router.get("/api/projects/{project}")
async def get_project(project: UUID, user: User, request: Request, response: Response, read_from: Read = None) -> dict:
    sql = f"{_PROJECT} WHERE p.id = %(project)s"
    rows = await read(request, response, sql, {"user": user, "project": project}, read_from)
    if not rows:
        raise not_found("project")
    return rows[0]


@router.put("/api/projects/{project}/collaborators", status_code=204)
async def put_collaborator(project: UUID, body: NewCollaborator, user: User, request: Request) -> None:
    await require(request, project, user, Role.admin)
    async with request.app.state.database.transaction() as connection:
        cursor = await connection.execute(
            "INSERT INTO collaborators (project_id, user_id, role)"
            " SELECT %(project)s, id, %(role)s FROM users WHERE email = lower(%(email)s)"
            " ON CONFLICT (project_id, user_id) DO UPDATE SET role = excluded.role",
            {"project": project, "role": body.role.value, "email": body.email},
        )
        if cursor.rowcount == 0:
            raise Problem(404, "Nobody has an account with this address. Ask them to sign up first.")


@router.get("/api/projects/{project}/branches")
async def list_branches(project: UUID, user: User, request: Request, response: Response) -> list[dict]:
    await require(request, project, user, Role.viewer)
    sql = "SELECT id, name, head_id FROM branches WHERE project_id = %(project)s ORDER BY name"
    return await read(request, response, sql, {"project": project})


@router.post("/api/projects/{project}/branches", status_code=201)
async def create_branch(project: UUID, body: NewBranch, user: User, request: Request) -> dict:
    await require(request, project, user, Role.editor)
    try:
        async with request.app.state.database.transaction() as connection:
            cursor = await connection.execute(
                "INSERT INTO branches (project_id, name, head_id) SELECT %(project)s, %(name)s, %(head)s"
                " WHERE %(head)s::uuid IS NULL OR EXISTS"
                " (SELECT FROM versions WHERE id = %(head)s AND project_id = %(project)s)"
                " RETURNING id, name, head_id",
                {"project": project, "name": body.name, "head": body.from_version},
            )
            branch = await cursor.fetchone()
    except psycopg.errors.UniqueViolation as error:
        raise Problem(409, f"There is a branch {body.name} already.") from error
    if branch is None:
        raise not_found("version")
    return branch


@router.post("/api/projects/{project}/branches/{branch}/versions", status_code=201)
async def create_version(project: UUID, branch: UUID, body: NewVersion, user: User, request: Request) -> dict:
    """A version on a branch; its parent is what the branch pointed at. The artifact is uploaded afterwards."""
    await require(request, project, user, Role.editor)
    async with request.app.state.database.transaction() as connection:
        # Locked: of two versions at once, the second has the first as its parent.
        cursor = await connection.execute(
            "SELECT id, head_id FROM branches WHERE id = %(branch)s AND project_id = %(project)s FOR UPDATE",
            {"branch": branch, "project": project},
        )
        row = await cursor.fetchone()
        if row is None:
            raise not_found("branch")
        cursor = await connection.execute(
            "INSERT INTO versions (project_id, parent_id, author_id, message, artifact_sha256, artifact_size, daw)"
            " VALUES (%(project)s, %(parent)s, %(user)s, %(message)s, %(artifact_sha256)s, %(artifact_size)s, %(daw)s)"
            " RETURNING id, parent_id, message, artifact_sha256, artifact_size, daw, created_at",
            {"project": project, "parent": row["head_id"], "user": user, **body.model_dump()},
        )
        version = await cursor.fetchone()
        await connection.execute(
            "UPDATE branches SET head_id = %(version)s WHERE id = %(branch)s",
            {"version": version["id"], "branch": branch},
        )
        return version


@router.get("/api/projects/{project}/versions")
async def list_versions(project: UUID, user: User, request: Request, response: Response) -> list[dict]:
    await require(request, project, user, Role.viewer)
    sql = (
        "SELECT id, parent_id, message, artifact_sha256, artifact_size, daw, created_at, uploaded_at FROM versions"
        " WHERE project_id = %(project)s ORDER BY created_at"
    )
    return await read(request, response, sql, {"project": project})
