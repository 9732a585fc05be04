"""Connections to the primary and to the replicas: deadlines, recovery, and reads that see one's own writes."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Literal, LiteralString, TypeVar

import psycopg
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool, PoolTimeout

Connection = psycopg.AsyncConnection[dict[str, Any]]
Row = dict[str, Any]
Role = Literal["primary", "replica"]
T = TypeVar("T")

_log = logging.getLogger(__name__)

# A server that vanished answers nothing: without these a request would wait for the kernel's 15 minutes.
_NETWORK = {
    "connect_timeout": 3,
    "tcp_user_timeout": 5000,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "row_factory": dict_row,
}
# Deadlines are ours, and hold for all that a request does with a connection: statement_timeout is off by the time that
# a COMMIT waits for a standby, and would let it wait for ever (measured on 15). A COMMIT that is cancelled in this wait
# ends in success, with a warning: what gave up on one must never be told as saved.
_READ_SECONDS = 5
_WRITE_SECONDS = 10

_WAIT_SECONDS = {"primary": 5, "replicas": 1}
"""How long a request waits for a connection. Most failovers are over in 5 s; for replicas there is the primary."""

_RECONNECT_SECONDS = 3
"""The pool's pause between attempts doubles up to this; it also bounds how late a healed database is noticed."""

_AVOID_SECONDS = 5
"""How long reads leave the replicas alone after they could not be reached."""

_STANDING = "SELECT pg_is_in_recovery() AS standby, pg_last_wal_replay_lsn() >= %(position)s::pg_lsn AS fresh"
_POSITION = "SELECT pg_current_wal_lsn()::text AS position"


class NotThere(Exception):
    """A query did not find what it was asked for. On a replica that may mean: not yet."""


class Database:
    """Two pools: `primary` for writes and for reads that must see them, `replicas` for the others.

    Guarantees: a read with a position sees every write up to it; a read that finds nothing on a replica has asked the
    primary too; no call lasts longer than its deadline plus the time in which a vanished server is noticed (10 s).
    """

    def __init__(self, url: str, read_url: str | None) -> None:
        self.primary = _pool(url, "primary")
        self.replicas = _pool(read_url, "replicas") if read_url else None
        self._avoid_replicas_until = 0.0

    async def open(self) -> None:
        """Does not wait for the database: a pod starts without it and is not ready until it is there."""
        for pool in self._pools():
            await pool.open(wait=False)

    async def close(self) -> None:
        for pool in self._pools():
            await pool.close()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator["Transaction"]:
        """Commits at the end. After TimeoutError or OperationalError it is unknown whether it did."""
        async with asyncio.timeout(_WRITE_SECONDS), self.primary.connection() as connection:
            transaction = Transaction(connection)
            async with connection.transaction():
                yield transaction
            try:
                transaction.position = (await _rows(connection, _POSITION, {}))[0]["position"]
            except psycopg.Error as error:
                # It is committed: that must be told, even if the next read may come too early to a replica.
                _log.warning("the position after a commit is unknown", extra={"reason": type(error).__name__})

    async def read(
        self,
        query: Callable[[Connection], Awaitable[T]],
        *,
        position: str | None = None,
        only: Role | None = None,
    ) -> tuple[T, Role]:
        """What the query found, and who served it. A query may run twice, so it must only read.

        `only` names who has to serve it, wherever that is possible: "replica" also takes what is not fresh.
        Raises NotThere from the query, and psycopg.OperationalError, PoolTimeout or TimeoutError without a database.
        """
        if self.replicas and only != "primary" and time.monotonic() >= self._avoid_replicas_until:
            try:
                found = await self._read(self.replicas, query, None if only == "replica" else position)
                if found:
                    return found
            except NotThere:
                if only == "replica":
                    raise
            except (psycopg.OperationalError, PoolTimeout, TimeoutError) as error:
                _log.warning("reads leave the replicas alone", extra={"reason": type(error).__name__})
                self._avoid_replicas_until = time.monotonic() + _AVOID_SECONDS
        try:
            return await self._read(self.primary, query, None)
        except psycopg.OperationalError:
            # The server died under the statement; by now the pool has noticed. Reading twice does no harm.
            return await self._read(self.primary, query, None)

    async def _read(
        self, pool: AsyncConnectionPool, query: Callable[[Connection], Awaitable[T]], position: str | None
    ) -> tuple[T, Role] | None:
        """None: this server has not got as far as the position."""
        async with asyncio.timeout(_READ_SECONDS), pool.connection() as connection:
            standing = (await _rows(connection, _STANDING, {"position": position}))[0]
            if standing["standby"] and position is not None and not standing["fresh"]:
                return None
            return await query(connection), "replica" if standing["standby"] else "primary"

    def _pools(self) -> list[AsyncConnectionPool]:
        return [pool for pool in (self.primary, self.replicas) if pool]


class Transaction:
    """A transaction on the primary."""

    position: str | None = None
    """Where the log stood after the commit: a read that is given it sees this transaction. None until then."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    async def rows(self, sql: LiteralString, parameters: Row) -> list[Row]:
        return await _rows(self.connection, sql, parameters)

    async def one(self, sql: LiteralString, parameters: Row) -> Row:
        """Raises NotThere without a row."""
        return await one(sql, parameters)(self.connection)

    async def execute(self, sql: LiteralString, parameters: Row) -> int:
        """The number of rows that it changed."""
        return (await self.connection.execute(sql, parameters)).rowcount


def rows(sql: LiteralString, parameters: Row) -> Callable[[Connection], Awaitable[list[Row]]]:
    """A query for all rows."""
    return lambda connection: _rows(connection, sql, parameters)


def one(sql: LiteralString, parameters: Row) -> Callable[[Connection], Awaitable[Row]]:
    """A query for one row; NotThere without it."""

    async def query(connection: Connection) -> Row:
        found = await _rows(connection, sql, parameters)
        if not found:
            raise NotThere
        return found[0]

    return query


async def _rows(connection: Connection, sql: LiteralString, parameters: Row) -> list[Row]:
    return await (await connection.execute(sql, parameters)).fetchall()


def _pool(url: str, name: Literal["primary", "replicas"]) -> AsyncConnectionPool[Connection]:
    return AsyncConnectionPool(
        url,
        name=name,
        kwargs=_NETWORK,
        min_size=1,
        max_size=10,
        timeout=_WAIT_SECONDS[name],
        # A connection to a former primary looks healthy until it is used.
        check=AsyncConnectionPool.check_connection,
        max_lifetime=600,
        reconnect_timeout=_RECONNECT_SECONDS,
        open=False,
    )
