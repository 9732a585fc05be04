"""Signing in and out, and what verifiers need to know: keys and revocations."""

from typing import Annotated
from uuid import UUID

import jwt
from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, EmailStr, Field

from stemhub_service.database import Database, NotThere, one, rows
from stemhub_service.passwords import verify_password
from stemhub_service.problems import Problem
from stemhub_service.sessions import clear_cookie, presented_token, set_cookie

from .tokens import Session

router = APIRouter()

JWKS_SECONDS = 60
_LONGEST_LIST = 10_000
"""Revoked tokens that are told, those that end last first: some 350 kB of a ConfigMap's 1 MiB. Who signs out while
there are as many is signed out everywhere instead, which takes one entry a user."""


class Credentials(BaseModel):
    email: EmailStr
    password: str = Field(min_length=10, max_length=200)


class SignedIn(BaseModel):
    id: UUID
    name: str
    token: str
    """For whoever keeps no cookies, as the plugin in the DAW: `Authorization: Bearer`."""


def _database(request: Request) -> Database:
    return request.app.state.database


Users = Annotated[Database, Depends(_database)]


@router.post("/auth/signin", response_model=SignedIn)
async def sign_in(body: Credentials, database: Users, request: Request, response: Response) -> dict:
    sql = "SELECT id, name, password_hash FROM users WHERE email = lower(%(email)s)"
    try:
        found, _ = await database.read(one(sql, {"email": body.email}))
    except NotThere:
        found = None
    if not await verify_password(found and found["password_hash"], body.password) or found is None:
        raise Problem(401, "Address or password is wrong.")
    token = request.app.state.tokens.issue(found["id"])
    if token is None:
        raise Problem(503, "Signing in is not possible right now. Try again in a moment.", {"Retry-After": "10"})
    set_cookie(response, token, request.app.state.settings.token_seconds)
    return {"id": found["id"], "name": found["name"], "token": token}


def _session(request: Request) -> Session | None:
    """Of the token that was presented; None without one that is good."""
    try:
        return request.app.state.tokens.verify(presented_token(request) or "")
    except (jwt.InvalidTokenError, ValueError):
        return None


Presented = Annotated[Session | None, Depends(_session)]


@router.post("/auth/signout", status_code=204)
async def sign_out(session: Presented, database: Users, response: Response) -> None:
    """Takes the cookie away and makes the token void, wherever else it was copied to."""
    clear_cookie(response)
    if session is None:
        return
    async with database.transaction() as transaction:
        await transaction.execute(
            "DELETE FROM revoked_tokens WHERE jti IN (SELECT jti FROM revoked_tokens"
            " WHERE expires_at < now() ORDER BY expires_at LIMIT 100 FOR UPDATE SKIP LOCKED)",
            {},
        )
        count = await transaction.one("SELECT count(*) AS tokens FROM revoked_tokens", {})
        if count["tokens"] >= _LONGEST_LIST:
            await transaction.execute(_REVOKE_SUBJECT, {"user": session.user})
            return
        await transaction.execute(
            "INSERT INTO revoked_tokens VALUES (%(jti)s, to_timestamp(%(expires_at)s)) ON CONFLICT DO NOTHING",
            {"jti": session.jti, "expires_at": session.expires_at},
        )


# To the end of this second: a token says only in which second it was issued.
_REVOKE_SUBJECT = (
    "INSERT INTO revoked_subjects VALUES (%(user)s, date_trunc('second', now()) + interval '1 second')"
    " ON CONFLICT (user_id) DO UPDATE SET before = excluded.before"
)


@router.post("/auth/signout-everywhere", status_code=204)
async def sign_out_everywhere(session: Presented, database: Users, response: Response) -> None:
    """Every token that the user has becomes void. Who signs in again within the same second has to do so once more."""
    if session is None:
        raise Problem(401, "Sign in first.", {"WWW-Authenticate": "Bearer"})
    async with database.transaction() as transaction:
        await transaction.execute(_REVOKE_SUBJECT, {"user": session.user})
    clear_cookie(response)


@router.get("/.well-known/jwks.json")
async def key_set(request: Request, response: Response) -> dict:
    """The keys (RFC 7517). Asks no database: it is there while the process is."""
    response.headers["Cache-Control"] = f"public, max-age={JWKS_SECONDS}"
    return {"keys": request.app.state.ring.published()}


@router.get("/revocations")
async def revocations(request: Request, database: Users, response: Response) -> dict:
    """`tokens` by jti, and `subjects` whose tokens issued before a Unix second are void. What has ended is left out."""
    response.headers["Cache-Control"] = "no-store"
    tokens, _ = await database.read(
        rows(
            "SELECT jti FROM revoked_tokens WHERE expires_at > now() ORDER BY expires_at DESC, jti LIMIT %(most)s",
            {"most": _LONGEST_LIST},
        )
    )
    subjects, _ = await database.read(
        rows(
            "SELECT user_id, extract(epoch FROM before)::bigint AS before FROM revoked_subjects"
            " WHERE before > now() - make_interval(secs => %(seconds)s) ORDER BY user_id",
            {"seconds": request.app.state.settings.token_seconds},
        )
    )
    return {
        "tokens": [each["jti"] for each in tokens],
        "subjects": {str(each["user_id"]): each["before"] for each in subjects},
    }
