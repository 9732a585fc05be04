"""Another app with other wishes: SQLAlchemy on asyncpg by DB_URL, and asyncpg alone by single parts.

Says at /whoami what each connection found, so that a test can see that both formats lead, over verified TLS, to the
right database as the right user.
"""

import os
import ssl
from contextlib import asynccontextmanager

import asyncpg
import uvicorn
from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

_QUESTION = (
    "SELECT current_user AS user, current_database() AS database, pg_is_in_recovery() AS in_recovery,"
    " (SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()) AS ssl"
)


@asynccontextmanager
async def lifespan(app: FastAPI):
    app.state.engine = create_async_engine(os.environ["DB_URL"], pool_pre_ping=True)
    yield
    await app.state.engine.dispose()


app = FastAPI(lifespan=lifespan)


@app.get("/healthz")
async def healthz() -> dict:
    return {"status": "ok"}


@app.get("/readyz")
async def readyz() -> dict:
    async with app.state.engine.connect() as connection:
        await connection.execute(text("SELECT 1"))
    return {"status": "ok"}


@app.get("/whoami")
async def whoami() -> dict:
    async with app.state.engine.connect() as connection:
        by_url = dict((await connection.execute(text(_QUESTION))).mappings().one())
    connection = await asyncpg.connect(
        host=os.environ["DB_HOST"],
        port=int(os.environ["DB_PORT"]),
        database=os.environ["DB_NAME"],
        user=os.environ["DB_USER"],
        password=os.environ["DB_PASSWORD"],
        ssl=ssl.create_default_context(cafile=os.environ["DB_CA_FILE"]),
        timeout=5,
    )
    try:
        by_parts = dict(await connection.fetchrow(_QUESTION))
    finally:
        await connection.close()
    return {"url": by_url, "parts": by_parts, "literal": os.environ.get("LITERAL")}


if __name__ == "__main__":
    uvicorn.run(app, host="0.0.0.0", port=int(os.environ.get("PORT", "8080")))
