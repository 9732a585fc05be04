"""How routes reach the database, so that everybody sees what they have just written.

A write leaves the position of the primary's log in a cookie. A read that brings the cookie is served by a replica that
has got as far, and else by the primary. Whoever keeps no cookies says `?read=primary` where it matters.
"""

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Annotated, TypeVar

from fastapi import Depends, Query, Request, Response

from stemhub_service.database import Connection, Role, Transaction

T = TypeVar("T")

SERVED_BY = "X-StemHub-Served-By"
POSITION_COOKIE = "stemhub_position"
_POSITION = re.compile(r"[0-9A-F]{1,8}/[0-9A-F]{1,8}")
_POSITION_SECONDS = 60
"""A replica further behind than this is not in the Service that reads go through."""


class _Access:
    """The database, for one request."""

    def __init__(
        self,
        request: Request,
        response: Response,
        only: Annotated[
            Role | None,
            Query(alias="read", description="Who has to answer; replica may be a moment behind."),
        ] = None,
    ) -> None:
        self._database = request.app.state.database
        self._response = response
        self._only = only
        position = request.cookies.get(POSITION_COOKIE, "")
        self._position = position if _POSITION.fullmatch(position) else None

    async def read(self, query: Callable[[Connection], Awaitable[T]], *, only: Role | None = None) -> T:
        """What the query found; the answer's header names who served it. See Database.read."""
        found, role = await self._database.read(query, position=self._position, only=only or self._only)
        self._response.headers[SERVED_BY] = role
        return found

    @asynccontextmanager
    async def write(self) -> AsyncIterator[Transaction]:
        """A transaction on the primary, committed at the end."""
        async with self._database.transaction() as transaction:
            yield transaction
        if transaction.position:
            self._response.set_cookie(
                POSITION_COOKIE,
                transaction.position,
                max_age=_POSITION_SECONDS,
                httponly=True,
                secure=True,
                samesite="lax",
                path="/",
            )


Access = Annotated[_Access, Depends()]
