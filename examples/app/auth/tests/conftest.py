"""The sign-in service, as two replicas with one folder of keys and one database."""

import uuid
from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from fastapi.testclient import TestClient

from stemhub_auth.keys import KeyRing
from stemhub_auth.main import create_app
from stemhub_auth.settings import Settings
from stemhub_service.passwords import hash_password
from testing.keys import rsa_key
from testing.postgres import Postgres

PASSWORD = "correct horse"


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    def passes(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


def write_key(folder: Path, name: str, key=None) -> None:
    key = key or rsa_key()
    (folder / name).write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


@pytest.fixture
def folder(tmp_path) -> Path:
    write_key(tmp_path, "2026-01.pem")
    return tmp_path


@pytest.fixture
def replicas(postgres: Postgres, folder, clock) -> Iterator[tuple[TestClient, TestClient]]:
    settings = Settings(postgres.url, folder)
    apps = [create_app(settings, KeyRing(folder, clock)) for _ in range(2)]
    with TestClient(apps[0], base_url="https://a.test") as a, TestClient(apps[1], base_url="https://b.test") as b:
        yield a, b


@pytest.fixture
def ada(postgres: Postgres) -> dict:
    """What Ada signs in with: she has signed up at the api."""
    email = f"{uuid.uuid4().hex}@studio.example.com"
    digest = anyio.run(hash_password, PASSWORD)
    postgres.execute(f"INSERT INTO users (email, name, password_hash) VALUES ('{email}', 'Ada', '{digest}')")
    return {"email": email, "password": PASSWORD}


def bearer(token: str) -> dict:
    return {"Authorization": f"Bearer {token}"}
