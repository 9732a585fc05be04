"""Tokens of the sign-in service, beside our own."""

import dataclasses
import json
import time
import uuid
from collections.abc import Iterator

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from fastapi.testclient import TestClient

from stemhub_api import keys
from stemhub_api.main import create_app
from testing.keys import ed25519_key, key_set, rsa_key
from testing.waiting import until

OLD, NEW, FOREIGN = rsa_key(), rsa_key(), rsa_key()


@pytest.fixture
def published(tmp_path):
    path = tmp_path / "jwks.json"
    path.write_text(key_set(old=OLD, other=ed25519_key()))
    return path


@pytest.fixture
def trusting(settings, published) -> Iterator[TestClient]:
    """The service that takes the sign-in service's tokens, which cannot be reached: its keys are in a file."""
    away = "http://127.0.0.1:9/.well-known/jwks.json"
    trusting = dataclasses.replace(settings, auth_jwks_url=away, auth_jwks_file=str(published))
    with TestClient(create_app(trusting)) as client:
        yield client


@pytest.fixture
def ada(client, musician) -> str:
    _, header = musician()
    return client.get("/api/me", headers=header).json()["id"]


def header(sub, *, signed_by=OLD, kid="old", algorithm="RS256", **changed) -> dict:
    now = int(time.time())
    claims = {"iss": "stemhub-auth", "aud": "stemhub", "sub": sub, "iat": now, "exp": now + 60, **changed}
    claims = {name: value for name, value in claims.items() if value is not None}
    return {"Authorization": f"Bearer {jwt.encode(claims, signed_by, algorithm=algorithm, headers={'kid': kid})}"}


def test_a_user_of_the_sign_in_service_is_the_same_user_here(trusting, ada):
    assert trusting.get("/api/me", headers=header(ada)).json()["id"] == ada


def test_our_own_tokens_go_on_beside_them(trusting, client, musician):
    _, own = musician()
    assert trusting.get("/api/me", headers=own).status_code == 200


def test_a_key_that_is_published_later_is_found_and_one_that_was_taken_back_goes(trusting, ada, published, monkeypatch):
    monkeypatch.setattr(keys, "_PAUSE_SECONDS", 0)
    assert trusting.get("/api/me", headers=header(ada)).status_code == 200
    published.write_text(key_set(old=OLD, new=NEW))
    assert trusting.get("/api/me", headers=header(ada, signed_by=NEW, kid="new")).status_code == 200
    assert trusting.get("/api/me", headers=header(ada)).status_code == 200
    published.write_text(key_set(new=NEW))
    monkeypatch.setattr(keys, "_FRESH_SECONDS", 0)
    until(lambda: trusting.get("/api/me", headers=header(ada)).status_code == 401)


def test_when_no_source_answers_any_more_the_last_keys_stay(trusting, ada, published, monkeypatch):
    assert trusting.get("/api/me", headers=header(ada)).status_code == 200
    monkeypatch.setattr(keys, "_PAUSE_SECONDS", 0)
    monkeypatch.setattr(keys, "_FRESH_SECONDS", 0)
    published.unlink()
    for _ in range(3):
        assert trusting.get("/api/me", headers=header(ada)).status_code == 200


def test_while_the_keys_are_not_known_nobody_is_told_that_their_session_has_ended(trusting, ada, published):
    published.write_text("{")
    answer = trusting.get("/api/me", headers=header(ada))
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")


def test_without_the_settings_no_such_token_is_taken(client, ada):
    assert client.get("/api/me", headers=header(ada)).status_code == 401


PUBLIC_PEM = OLD.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def hmac_by(secret: bytes, sub: str) -> dict:
    """As an attacker makes it: PyJWT itself refuses to sign with a public key."""
    claims = {"iss": "stemhub-auth", "aud": "stemhub", "sub": sub, "exp": int(time.time()) + 60}
    signer = jwt.PyJWS()
    algorithm = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256)
    algorithm.prepare_key = lambda key: key
    signer.unregister_algorithm("HS256")
    signer.register_algorithm("HS256", algorithm)
    return {"Authorization": f"Bearer {signer.encode(json.dumps(claims).encode(), secret, algorithm='HS256')}"}


def test_a_public_key_is_no_secret_of_an_hmac(trusting, ada):
    assert trusting.get("/api/me", headers=hmac_by(PUBLIC_PEM, ada)).status_code == 401


@pytest.mark.parametrize(
    "change",
    [
        {"iss": "stemhub-api"},
        {"iss": None},
        {"aud": "somebody"},
        {"aud": None},
        {"exp": int(time.time()) - 60},
        {"exp": None},
        {"nbf": int(time.time()) + 600},
        {"sub": None},
        {"signed_by": FOREIGN},
        {"signed_by": FOREIGN, "kid": "unknown"},
        {"algorithm": "PS256"},
        {"algorithm": "RS512"},
        {"signed_by": "a-secret-of-more-than-32-characters", "algorithm": "HS256"},
        {"signed_by": None, "algorithm": "none"},
    ],
    ids=lambda change: ",".join(f"{name} {str(value)[:12]}" for name, value in change.items()),
)
def test_a_token_that_is_not_the_sign_in_service_s_for_us_is_refused(trusting, change):
    sub = str(uuid.uuid4())
    answer = trusting.get("/api/me", headers=header(**{"sub": sub, **change}))
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
