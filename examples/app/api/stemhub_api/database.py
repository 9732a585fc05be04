"""Connections to the primary and to the replicas."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import psycopg
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool

# A server that vanished answers nothing: without these a request would wait for the kernel's 15 minutes.
_NETWORK = {
    "connect_timeout": 3,
    "tcp_user_timeout": 5000,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "options": "-c statement_timeout=10000",
    "row_factory": dict_row,
}
_WAIT_SECONDS = 5
"""How long a request waits for a connection, a failover included in the common case."""


def _pool(url: str, name: str) -> AsyncConnectionPool:
    return AsyncConnectionPool(
        url,
        name=name,
        kwargs=_NETWORK,
        min_size=1,
        max_size=10,
        timeout=_WAIT_SECONDS,
        # A connection to a former primary looks healthy until it is used.
        check=AsyncConnectionPool.check_connection,
        max_lifetime=600,
        reconnect_timeout=60,
        open=False,
    )


class Database:
    """Two pools: `primary` for writes and for reads that must see them, `replicas` for the others."""

    def __init__(self, url: str, read_url: str | None) -> None:
        self.primary = _pool(url, "primary")
        self.replicas = _pool(read_url, "replicas") if read_url else self.primary

    async def open(self) -> None:
        for pool in {self.primary, self.replicas}:
            await pool.open(wait=False)

    async def close(self) -> None:
        for pool in {self.primary, self.replicas}:
            await pool.close()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[psycopg.AsyncConnection[dict[str, Any]]]:
        async with self.primary.connection() as connection:
            yield connection

    async def read(
        self, sql: str, parameters: dict[str, Any], *, replica_only: bool = False
    ) -> tuple[list[dict[str, Any]], str]:
        """Rows, and who served them: "primary" or "replica".

        A replica may be a moment behind: where it finds nothing, the primary is asked, so that everybody sees what was
        just written. A statement that met a dying server is tried once more; reading twice does no harm.
        """
        rows, source = await self._read(self.replicas, sql, parameters)
        if rows or replica_only or source == "primary":
            return rows, source
        return await self._read(self.primary, sql, parameters)

    async def _read(self, pool: AsyncConnectionPool, sql: str, parameters: dict[str, Any]):
        for last in (False, True):
            try:
                async with pool.connection() as connection:
                    cursor = await connection.execute(sql, parameters)
                    rows = await cursor.fetchall()
                    standby = await (await connection.execute("SELECT pg_is_in_recovery() AS standby")).fetchone()
                    return rows, "replica" if standby and standby["standby"] else "primary"
            except psycopg.OperationalError:
                if last:
                    raise
        raise AssertionError("unreachable")
