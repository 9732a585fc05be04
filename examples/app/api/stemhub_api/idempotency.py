"""A change with an Idempotency-Key is made once, however often it is asked for, and answered the same each time.

The key is recorded in the transaction of the change itself: both are there, or neither. Who got no answer may ask
again.
"""

import hashlib
import re
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, TypeVar
from uuid import UUID

from fastapi import Depends, Request, Response
from fastapi.encoders import jsonable_encoder
from psycopg.types.json import Jsonb

from stemhub_service.database import Transaction
from stemhub_service.problems import Problem

from .access import Access

T = TypeVar("T")

KEY_HEADER = "Idempotency-Key"
REPLAYED_HEADER = "Idempotency-Replayed"
_KEY = re.compile(r"[\x21-\x7e]{1,255}")

_FORGET = (
    # A few at a time, and none that somebody else is just forgetting: a change does not wait for this.
    "DELETE FROM applied_writes a USING (SELECT user_id, key FROM applied_writes"
    " WHERE applied_at < now() - interval '30 days' ORDER BY applied_at LIMIT 10 FOR UPDATE SKIP LOCKED) old"
    " WHERE a.user_id = old.user_id AND a.key = old.key"
)
"""30 days: longer than any queue keeps a write, and any client its retries."""


class _Writes:
    """Changes of one request."""

    def __init__(self, request: Request, response: Response, database: Access) -> None:
        self._request, self._response, self._database = request, response, database
        self.key: str | None = request.headers.get(KEY_HEADER)
        if self.key is not None and not _KEY.fullmatch(self.key):
            raise Problem(400, f"{KEY_HEADER} is not 1 to 255 visible ASCII characters.")

    def require_key(self) -> None:
        if self.key is None:
            raise Problem(400, f"This needs an {KEY_HEADER}, so that trying again does it only once.")

    async def once(self, user: UUID, change: Callable[[Transaction], Awaitable[T]]) -> T | Any:
        """What the change returned, now or the first time; the answer's header tells a repetition.

        A change that raises leaves no trace of its key. Without a key it is simply made. Raises Problem 422 when the
        user's key belongs to another change. Of two requests at once, the second waits for the first.
        """
        if self.key is None:
            async with self._database.write() as transaction:
                return await change(transaction)
        mine = {"user": user, "key": self.key, "request": await self._fingerprint()}
        async with self._database.write() as transaction:
            if not await transaction.rows(
                "INSERT INTO applied_writes (user_id, key, request) VALUES (%(user)s, %(key)s, %(request)s)"
                " ON CONFLICT DO NOTHING RETURNING key",
                mine,
            ):
                return await self._repeat(transaction, mine)
            answer = await change(transaction)
            await transaction.execute(
                "UPDATE applied_writes SET answer = %(answer)s WHERE user_id = %(user)s AND key = %(key)s",
                {**mine, "answer": Jsonb(jsonable_encoder(answer))},
            )
            await transaction.execute(_FORGET, {})
            return answer

    async def _repeat(self, transaction: Transaction, mine: dict) -> Any:
        first = await transaction.one(
            "SELECT request, answer FROM applied_writes WHERE user_id = %(user)s AND key = %(key)s", mine
        )
        if first["request"] != mine["request"]:
            raise Problem(422, f"This {KEY_HEADER} was used for another change. Take a new key for a new change.")
        self._response.headers[REPLAYED_HEADER] = "true"
        return first["answer"]

    async def _fingerprint(self) -> str:
        """Of what is asked for: method, path and query, body. Not of headers, which differ from one try to the next."""
        url = self._request.url
        what = f"{self._request.method} {url.path}?{url.query}\n".encode() + await self._request.body()
        return hashlib.sha256(what).hexdigest()


Writes = Annotated[_Writes, Depends()]
