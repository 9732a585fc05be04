"""Real servers for the tests: PostgreSQL by initdb, VersityGW for S3, both gone afterwards."""

import hashlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import httpx2
import psycopg
import pytest
from fastapi.testclient import TestClient

from stemhub_api.main import create_app
from stemhub_api.settings import Settings, Storage

_HERE = Path(__file__).parent.parent
_DEADLINE_SECONDS = 30


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def wait(ready, what: str) -> None:
    end = time.monotonic() + _DEADLINE_SECONDS
    while True:
        try:
            ready()
            return
        except (psycopg.OperationalError, httpx2.TransportError):
            if time.monotonic() > end:
                raise TimeoutError(f"{what} did not start within {_DEADLINE_SECONDS} s") from None
            time.sleep(0.1)


class Postgres:
    """A server of its own, as an unprivileged user: PostgreSQL refuses to run as root."""

    def __init__(self, directory: Path) -> None:
        self.directory, self.port = directory, free_port()
        self.url = f"postgresql://postgres@127.0.0.1:{self.port}/stemhub"
        self._as = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if os.getuid() == 0 else []

    def _run(self, program: str, *arguments: str) -> None:
        command = [*self._as, f"{os.environ['POSTGRES_BIN']}/{program}", *arguments]
        env = {**os.environ, "LC_ALL": "C.UTF-8"}  # the machine's own locale may be one that it does not have
        # Into a file, not a pipe: the server that pg_ctl starts would hold a pipe open for as long as it lives.
        with tempfile.TemporaryFile() as output:
            done = subprocess.run(command, cwd=self.directory, env=env, stdout=output, stderr=subprocess.STDOUT)
            output.seek(0)
            assert done.returncode == 0, f"{program} ended with {done.returncode}: {output.read().decode()}"

    def create(self) -> None:
        if self._as:
            shutil.chown(self.directory, "postgres", "postgres")
        self._run("initdb", "-D", "data", "-U", "postgres", "--auth=trust", "--no-sync", "-E", "UTF8")
        self.start()
        with psycopg.connect(self.url.replace("/stemhub", "/postgres"), autocommit=True) as connection:
            connection.execute("CREATE DATABASE stemhub")

    def start(self) -> None:
        options = f"-c listen_addresses=127.0.0.1 -p {self.port} -k {self.directory} -c fsync=off"
        self._run("pg_ctl", "-D", "data", "-w", "-l", "log", "-o", options, "start")

    def stop(self) -> None:
        self._run("pg_ctl", "-D", "data", "-w", "-m", "fast", "stop")

    def follow(self, primary: "Postgres") -> None:
        """Becomes a standby of the primary."""
        if self._as:
            shutil.chown(self.directory, "postgres", "postgres")
        source = ["-h", "127.0.0.1", "-p", str(primary.port), "-U", "postgres"]
        self._run("pg_basebackup", *source, "-D", "data", "-R", "-X", "stream", "-c", "fast", "--no-sync")
        self.start()

    def execute(self, *statements: str) -> list:
        """Each in its own transaction, whatever this server's defaults are. The rows of the last one."""
        with psycopg.connect(self.url, autocommit=True, options="-c default_transaction_read_only=off") as connection:
            for statement in statements:
                cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def freeze(self) -> None:
        """Alive for the kernel, which goes on to accept connections, and silent."""
        for pid in self._processes():
            os.kill(pid, signal.SIGSTOP)

    def thaw(self) -> None:
        for pid in self._processes():
            os.kill(pid, signal.SIGCONT)

    def _processes(self) -> list[int]:
        postmaster = (self.directory / "data" / "postmaster.pid").read_text().split()[0]
        children = Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()
        return [int(pid) for pid in (postmaster, *children)]


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
        done = subprocess.run(prisma, cwd=_HERE / "prisma", env=env, capture_output=True, text=True)
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
    wait(lambda: httpx2.get(endpoint), "VersityGW")
    yield Storage(endpoint, "stems", "us-east-1", "test", "test-secret", None)
    server.send_signal(signal.SIGTERM)
    server.wait(10)


@pytest.fixture(scope="session")
def settings(postgres: Postgres, storage: Storage) -> Settings:
    return Settings(postgres.url, postgres.url, "a-secret-of-more-than-32-characters", storage)


@pytest.fixture(scope="session")
def client(settings: Settings) -> Iterator[TestClient]:
    # https, or the client would not send a Secure cookie back.
    with TestClient(create_app(settings), base_url="https://studio.test") as running:
        yield running


@pytest.fixture
def musician(client: TestClient):
    """Signs a new musician up; returns their address and the header that speaks for them."""

    def sign_up(name: str = "Ada"):
        email = f"{uuid.uuid4().hex}@studio.example.com"
        body = {"email": email, "password": "correct horse", "name": name}
        assert client.post("/api/signup", json=body).status_code == 201
        token = client.post("/api/signin", json=body).json()["token"]
        client.cookies.clear()
        return email, {"Authorization": f"Bearer {token}"}

    return sign_up


@pytest.fixture
def project(client: TestClient, musician):
    """A project, and the header of its owner."""
    _, owner = musician()
    made = client.post("/api/projects", json={"name": "Night drive"}, headers=owner)
    assert made.status_code == 201
    return made.json(), owner


def new_version(client, project, owner, content=b"stem", message="first"):
    """A version on the main branch, and the path of its artifact."""
    path = f"/api/projects/{project['id']}"
    branch = client.get(f"{path}/branches", headers=owner).json()[0]["id"]
    body = {
        "message": message,
        "artifact_sha256": hashlib.sha256(content).hexdigest(),
        "artifact_size": len(content),
        "daw": "Ableton Live 12",
    }
    answer = client.post(f"{path}/branches/{branch}/versions", json=body, headers=owner)
    assert answer.status_code == 201, answer.text
    return answer.json(), f"{path}/versions/{answer.json()['id']}/artifact"


def until(true, seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, f"not true within {seconds} s"
        time.sleep(0.05)
