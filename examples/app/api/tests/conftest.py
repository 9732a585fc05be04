"""The api with the real servers behind it."""

import hashlib
import uuid
from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient

from stemhub_api.main import create_app
from stemhub_api.settings import Settings, Storage
from testing.keys import ed25519_key, key_set
from testing.postgres import Postgres

QUEUE_KEY = ed25519_key()


@pytest.fixture(scope="session")
def settings(postgres: Postgres, storage: Storage) -> Settings:
    keys = key_set(**{"queue-1": QUEUE_KEY})
    return Settings(postgres.url, postgres.url, "a-secret-of-more-than-32-characters", storage, queue_jwks=keys)


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
    return answer.json(), f"/api/artifacts/{project['id']}/{answer.json()['id']}"
