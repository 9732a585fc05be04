"""Sign-up, sign-in, sign-out."""

from uuid import UUID

import psycopg
from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, EmailStr, Field

from stemhub_service.database import NotThere, one
from stemhub_service.passwords import hash_password, verify_password
from stemhub_service.problems import Problem
from stemhub_service.sessions import clear_cookie, set_cookie

from .access import Access
from .identity import User

router = APIRouter(prefix="/api", tags=["users"])


class Credentials(BaseModel):
    email: EmailStr
    password: str = Field(min_length=10, max_length=200)


class SignUp(Credentials):
    name: str = Field(min_length=1, max_length=100)


class Account(BaseModel):
    id: UUID
    email: EmailStr
    name: str


class Session(BaseModel):
    id: UUID
    name: str
    token: str
    """For whoever keeps no cookies, as the plugin in the DAW: `Authorization: Bearer`."""


@router.post("/signup", status_code=201, response_model=Account)
async def sign_up(body: SignUp, database: Access) -> dict:
    digest = await hash_password(body.password)
    try:
        async with database.write() as transaction:
            return await transaction.one(
                "INSERT INTO users (email, name, password_hash) VALUES (lower(%(email)s), %(name)s, %(digest)s)"
                " RETURNING id, email, name",
                {"email": body.email, "name": body.name, "digest": digest},
            )
    except psycopg.errors.UniqueViolation as error:
        raise Problem(409, "There is an account with this address already. Sign in instead.") from error


@router.post("/signin", response_model=Session)
async def sign_in(body: Credentials, database: Access, request: Request, response: Response) -> dict:
    sql = "SELECT id, name, password_hash FROM users WHERE email = lower(%(email)s)"
    try:
        found = await database.read(one(sql, {"email": body.email}))
    except NotThere:
        found = None
    if not await verify_password(found and found["password_hash"], body.password) or found is None:
        raise Problem(401, "Address or password is wrong.")
    token = request.app.state.tokens.issue(found["id"])
    set_cookie(response, token, request.app.state.settings.token_seconds)
    return {"id": found["id"], "name": found["name"], "token": token}


@router.post("/signout", status_code=204)
async def sign_out(response: Response) -> None:
    """Takes the cookie away. A token that was copied is good until its end: it is checked without a database."""
    clear_cookie(response)


@router.get("/me", response_model=Account)
async def me(user: User, database: Access) -> dict:
    try:
        return await database.read(one("SELECT id, email, name FROM users WHERE id = %(user)s", {"user": user}))
    except NotThere as error:
        raise Problem(401, "Your account is gone. Sign up again.") from error
