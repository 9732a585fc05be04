"""Sign-up, sign-in, sign-out."""

import psycopg
from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, EmailStr, Field
from starlette.concurrency import run_in_threadpool

from . import identity
from .problems import Problem

router = APIRouter()


class Credentials(BaseModel):
    email: EmailStr
    password: str = Field(min_length=10, max_length=200)


class SignUp(Credentials):
    name: str = Field(min_length=1, max_length=100)


@router.post("/api/signup", status_code=201)
async def sign_up(body: SignUp, request: Request) -> dict:
    # Argon2 takes tens of milliseconds of processor: off the event loop.
    digest = await run_in_threadpool(identity.hash_password, body.password)
    try:
        async with request.app.state.database.transaction() as connection:
            cursor = await connection.execute(
                "INSERT INTO users (email, name, password_hash) VALUES (lower(%(email)s), %(name)s, %(digest)s)"
                " RETURNING id, email, name",
                {"email": body.email, "name": body.name, "digest": digest},
            )
            return await cursor.fetchone()
    except psycopg.errors.UniqueViolation as error:
        raise Problem(409, "There is an account with this address already. Sign in instead.") from error


@router.post("/api/signin")
async def sign_in(body: Credentials, request: Request, response: Response) -> dict:
    state = request.app.state
    rows, _ = await state.database.read(
        "SELECT id, name, password_hash FROM users WHERE email = lower(%(email)s)", {"email": body.email}
    )
    stored = rows[0]["password_hash"] if rows else None
    if not await run_in_threadpool(identity.verify_password, stored, body.password):
        raise Problem(401, "Address or password is wrong.")
    token = identity.issue_token(rows[0]["id"], state.settings.jwt_secret, state.settings.token_seconds)
    identity.set_cookie(response, token, state.settings.token_seconds)
    return {"id": rows[0]["id"], "name": rows[0]["name"], "token": token}


@router.post("/api/signout", status_code=204)
async def sign_out(response: Response) -> None:
    identity.clear_cookie(response)


@router.get("/api/me")
async def me(user: identity.User, request: Request) -> dict:
    rows, _ = await request.app.state.database.read(
        "SELECT id, email, name FROM users WHERE id = %(user)s", {"user": user}
    )
    if not rows:
        raise Problem(401, "Your account is gone. Sign up again.")
    return rows[0]
