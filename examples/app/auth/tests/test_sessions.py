"""Signing in and out at two replicas, and what the platform's verifiers are told."""

import dataclasses
import time
import uuid
from pathlib import Path

import jwt
import pytest
from fastapi.testclient import TestClient

from stemhub_api.main import create_app as create_api
from stemhub_api.settings import Settings as ApiSettings
from stemhub_auth import routes
from stemhub_auth.keys import PUBLISH_SECONDS
from stemhub_auth.settings import read_settings

from .conftest import bearer, write_key


def token_of(replica, credentials) -> str:
    answer = replica.post("/auth/signin", json=credentials)
    assert answer.status_code == 200, answer.text
    replica.cookies.clear()
    return answer.json()["token"]


def checked(token: str, replica) -> dict:
    """As a verifier does it: by the published keys alone."""
    kid = jwt.get_unverified_header(token)["kid"]
    (key,) = [each for each in replica.get("/.well-known/jwks.json").json()["keys"] if each["kid"] == kid]
    return jwt.decode(token, jwt.PyJWK(key), algorithms=["RS256"], audience="stemhub", issuer="stemhub-auth")


def test_a_token_of_one_replica_is_verified_by_the_keys_of_the_other(replicas, ada):
    one, other = replicas
    claims = checked(token_of(one, ada), other)
    assert claims["exp"] - claims["iat"] == 8 * 3600
    assert uuid.UUID(claims["sub"])


def test_signing_in_sets_a_cookie_that_scripts_cannot_read(replicas, ada):
    one, _ = replicas
    cookie = one.post("/auth/signin", json=ada).headers["set-cookie"].lower()
    assert all(word in cookie for word in ("stemhub_session=", "httponly", "secure", "samesite=lax"))


@pytest.mark.parametrize("change", [{"password": "wrong horse!"}, {"email": "nobody@studio.example.com"}])
def test_a_wrong_password_and_an_unknown_address_are_told_alike(replicas, ada, change):
    answer = replicas[0].post("/auth/signin", json={**ada, **change})
    assert (answer.status_code, answer.json()["detail"]) == (401, "Address or password is wrong.")


def test_tokens_go_on_to_be_verified_through_a_rotation(replicas, ada, folder, clock):
    one, other = replicas
    before = token_of(one, ada)
    other.get("/readyz")
    write_key(folder, "2026-02.pem")
    clock.passes(10)
    assert len(other.get("/.well-known/jwks.json").json()["keys"]) == 2
    one.get("/.well-known/jwks.json")
    clock.passes(PUBLISH_SECONDS)
    after = token_of(one, ada)
    assert jwt.get_unverified_header(before)["kid"] != jwt.get_unverified_header(after)["kid"]
    assert checked(before, other)["sub"] == checked(after, other)["sub"]


def test_signing_out_at_one_replica_makes_the_token_void_in_the_list_of_the_other(replicas, ada):
    one, other = replicas
    copied, kept = token_of(one, ada), token_of(one, ada)
    assert one.post("/auth/signout", headers=bearer(copied)).status_code == 204
    assert one.post("/auth/signout", headers=bearer(copied)).status_code == 204
    told = other.get("/revocations").json()["tokens"]
    assert told.count(checked(copied, other)["jti"]) == 1
    assert checked(kept, other)["jti"] not in told


def test_signing_out_by_cookie_takes_the_cookie_away(replicas, ada):
    one, _ = replicas
    one.post("/auth/signin", json=ada)
    assert "stemhub_session" in one.cookies
    assert one.post("/auth/signout").status_code == 204
    assert "stemhub_session" not in one.cookies


def test_signing_out_everywhere_makes_void_what_was_issued_until_then_and_nothing_later(replicas, ada):
    one, other = replicas
    claims = checked(token := token_of(one, ada), other)
    assert one.post("/auth/signout-everywhere", headers=bearer(token)).status_code == 204
    before = other.get("/revocations").json()["subjects"][claims["sub"]]
    assert claims["iat"] < before
    while time.time() < before:
        time.sleep(0.05)
    assert checked(token_of(other, ada), one)["iat"] >= before


def test_signing_out_without_a_good_token_revokes_nothing(replicas, ada):
    one, _ = replicas
    told = one.get("/revocations").json()
    for headers in ({}, bearer("nonsense"), bearer(jwt.encode({"sub": "x"}, "x" * 32, headers={"kid": "x"}))):
        assert one.post("/auth/signout", headers=headers).status_code == 204
        assert one.post("/auth/signout-everywhere", headers=headers).status_code == 401
    assert one.get("/revocations").json() == told


def test_what_has_ended_by_itself_is_told_no_more_and_is_forgotten(replicas, ada, postgres):
    one, _ = replicas
    postgres.execute("INSERT INTO revoked_tokens VALUES ('ended', now() - interval '1 second')")
    assert "ended" not in one.get("/revocations").json()["tokens"]
    one.post("/auth/signout", headers=bearer(token_of(one, ada)))
    assert postgres.execute("SELECT FROM revoked_tokens WHERE jti = 'ended'") == []


def test_when_the_list_is_full_signing_out_is_signing_out_everywhere(replicas, ada, monkeypatch):
    one, other = replicas
    monkeypatch.setattr(routes, "_LONGEST_LIST", 0)
    claims = checked(token := token_of(one, ada), other)
    one.post("/auth/signout", headers=bearer(token))
    assert other.get("/revocations").json()["subjects"][claims["sub"]] > claims["iat"]


def test_without_the_database_the_keys_are_still_told_and_a_sign_in_says_what_is_wrong(replicas, ada, postgres):
    one, _ = replicas
    assert one.get("/readyz").status_code == 200
    one.app.state.database.primary.timeout = 0.5
    postgres.stop()
    try:
        assert (one.get("/readyz").status_code, one.get("/healthz").status_code) == (200, 200)
        assert len(one.get("/.well-known/jwks.json").json()["keys"]) == 1
        answer = one.post("/auth/signin", json=ada)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
        assert one.get("/revocations").status_code == 503
    finally:
        postgres.start()


def test_without_a_key_it_is_not_ready_and_signs_nobody_in(replicas, ada, folder, clock):
    one, _ = replicas
    (folder / "2026-01.pem").unlink()
    clock.passes(10)
    assert one.get("/readyz").status_code == 503
    answer = one.post("/auth/signin", json=ada)
    assert (answer.status_code, answer.headers["content-type"]) == (503, "application/problem+json")


def test_the_api_lets_in_who_signed_in_here(replicas, ada, postgres, tmp_path: Path):
    one, other = replicas
    keys = tmp_path / "jwks.json"
    keys.write_text(other.get("/.well-known/jwks.json").text)
    api = ApiSettings(postgres.url, None, "a-secret-of-more-than-32-characters", None)
    token = token_of(one, ada)
    with TestClient(create_api(dataclasses.replace(api, auth_jwks_file=str(keys)))) as client:
        assert client.get("/api/me", headers=bearer(token)).json()["email"] == ada["email"]


@pytest.mark.parametrize(("env", "word"), [({}, "DATABASE_URL"), ({"DATABASE_URL": "d"}, "AUTH_KEYS")])
def test_half_a_configuration_does_not_start_and_names_what_is_missing(env, word):
    with pytest.raises(SystemExit, match=word):
        read_settings(env)
