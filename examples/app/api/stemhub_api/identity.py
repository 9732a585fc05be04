"""Who is asking."""

from typing import Annotated
from uuid import UUID

import jwt
from fastapi import Depends, Request

from stemhub_service.problems import Problem
from stemhub_service.sessions import presented_token

from .assertions import HEADER


async def current_user(request: Request) -> UUID:
    """The signed-in user, by the token that they present."""
    token = presented_token(request)
    if not token:
        raise Problem(401, "Sign in first.", {"WWW-Authenticate": "Bearer"})
    try:
        return await request.app.state.tokens.verify(token)
    except jwt.InvalidTokenError as error:
        raise Problem(401, "Your session has ended. Sign in again.", {"WWW-Authenticate": "Bearer"}) from error


async def author(request: Request) -> UUID:
    """Whose change it is: the signed-in user's, or that of a user for whom the write queue asserts that they made it.

    A route that takes this instead of User has opted in to be replayed by the queue; every other one asks for a token,
    which the queue has not.
    """
    assertion = request.headers.get(HEADER)
    if assertion is None:
        return await current_user(request)
    return await request.app.state.assertions.verify(assertion, request)


User = Annotated[UUID, Depends(current_user)]
Author = Annotated[UUID, Depends(author)]
