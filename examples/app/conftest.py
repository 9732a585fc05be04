"""Real servers for all tests: PostgreSQL by initdb, VersityGW for S3, both gone afterwards."""

import os
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from stemhub_api.settings import Storage
from testing.postgres import Postgres
from testing.waiting import answers, free_port, until


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    with tempfile.TemporaryDirectory(prefix="stemhub-test-pg-") as directory:
        Path(directory).chmod(0o755)
        data = Path(directory) / "pg"
        data.mkdir()
        server = Postgres(data)
        server.create()
        env = {**os.environ, "DATABASE_URL": server.url}
        prisma = [os.environ["NODE"], "node_modules/prisma/build/index.js", "migrate", "deploy"]
        done = subprocess.run(prisma, cwd=Path(__file__).parent / "api/prisma", env=env, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        yield server
        server.stop()


@pytest.fixture(scope="session")
def standby(postgres: Postgres) -> Iterator[Postgres]:
    with tempfile.TemporaryDirectory(prefix="stemhub-test-pg-") as directory:
        Path(directory).chmod(0o755)
        data = Path(directory) / "pg"
        data.mkdir()
        server = Postgres(data)
        server.follow(postgres)
        yield server
        server.stop()


@pytest.fixture(scope="session")
def storage_directory() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="stemhub-test-s3-") as directory:
        (Path(directory) / "stems").mkdir()
        yield Path(directory)


@pytest.fixture(scope="session")
def storage(storage_directory: Path) -> Iterator[Storage]:
    port = free_port()
    env = {"ROOT_ACCESS_KEY": "test", "ROOT_SECRET_KEY": "test-secret", "PATH": os.environ["PATH"]}
    command = [os.environ["VERSITYGW"], "--quiet", "--port", f"127.0.0.1:{port}", "posix", str(storage_directory)]
    server = subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    endpoint = f"http://127.0.0.1:{port}"
    until(lambda: answers(endpoint), 30)
    yield Storage(endpoint, "stems", "us-east-1", "test", "test-secret", None)
    server.send_signal(signal.SIGTERM)
    server.wait(10)
