"""Who is asking: passwords, tokens, and the cookie that carries them."""

import time
from typing import Annotated
from uuid import UUID

import anyio
import jwt
from anyio.to_thread import run_sync
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from fastapi import Depends, Request, Response

from .problems import Problem

COOKIE = "stemhub_session"

# OWASP's figures for Argon2id. With _AT_ONCE they bound what sign-ins take: 76 MiB of a pod's memory, four threads.
_hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
_AT_ONCE = anyio.CapacityLimiter(4)
# Compared with when there is no such user, so that an answer's time does not tell who has an account.
_NOBODY = _hasher.hash("nobody")


async def hash_password(password: str) -> str:
    return await run_sync(_hasher.hash, password, limiter=_AT_ONCE)


async def verify_password(stored: str | None, password: str) -> bool:
    """Takes as long for a user that is not there (None) as for one that is."""

    def verify() -> bool:
        try:
            return _hasher.verify(stored or _NOBODY, password) and stored is not None
        except (VerificationError, InvalidHashError):
            return False

    return await run_sync(verify, limiter=_AT_ONCE)


def issue_token(user_id: UUID, secret: str, seconds: int) -> str:
    now = int(time.time())
    return jwt.encode({"sub": str(user_id), "iat": now, "exp": now + seconds}, secret, algorithm="HS256")


def set_cookie(response: Response, token: str, seconds: int) -> None:
    response.set_cookie(COOKIE, token, max_age=seconds, httponly=True, secure=True, samesite="lax", path="/")


def clear_cookie(response: Response) -> None:
    response.delete_cookie(COOKIE, httponly=True, secure=True, samesite="lax", path="/")


def current_user(request: Request) -> UUID:
    """The signed-in user, by bearer token (the plugin) or by cookie (the web)."""
    scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
    token = bearer if scheme.lower() == "bearer" else request.cookies.get(COOKIE)
    if not token:
        raise Problem(401, "Sign in first.", {"WWW-Authenticate": "Bearer"})
    try:
        # The algorithm is named here and not taken from the token, which its bearer wrote.
        claims = jwt.decode(
            token,
            request.app.state.settings.jwt_secret,
            algorithms=["HS256"],
            options={"require": ["sub", "exp"]},
        )
        return UUID(claims["sub"])
    except (jwt.InvalidTokenError, ValueError) as error:
        raise Problem(401, "Your session has ended. Sign in again.", {"WWW-Authenticate": "Bearer"}) from error


User = Annotated[UUID, Depends(current_user)]
