"""Sign-up, sign-in, sign-out, and who is let in."""

import time
import uuid

import jwt
import pytest

SECRET = "a-secret-of-more-than-32-characters"
CLAIMS = {"iss": "stemhub-api", "aud": "stemhub", "sub": str(uuid.uuid4())}


def _account():
    return {"email": f"{uuid.uuid4().hex}@studio.example.com", "password": "correct horse", "name": "Ada"}


def test_sign_in_sets_a_cookie_that_scripts_cannot_read_and_sign_out_takes_it_away(client):
    account = _account()
    assert client.post("/api/signup", json=account).status_code == 201

    answer = client.post("/api/signin", json=account)
    cookie = answer.headers["set-cookie"].lower()
    assert all(word in cookie for word in ("httponly", "secure", "samesite=lax"))
    assert client.get("/api/me").json()["email"] == account["email"]

    assert client.post("/api/signout").status_code == 204
    assert client.get("/api/me").status_code == 401


@pytest.mark.parametrize("change", [{"password": "wrong horse!"}, {"email": "nobody@studio.example.com"}])
def test_a_wrong_password_and_an_unknown_address_are_told_alike(client, change):
    account = _account()
    client.post("/api/signup", json=account)
    answer = client.post("/api/signin", json={**account, **change})
    assert (answer.status_code, answer.json()["detail"]) == (401, "Address or password is wrong.")


def test_one_address_has_one_account_however_it_is_written(client):
    account = _account()
    client.post("/api/signup", json=account)
    assert client.post("/api/signup", json={**account, "email": account["email"].upper()}).status_code == 409


@pytest.mark.parametrize(
    "token",
    [
        "nonsense",
        jwt.encode({**CLAIMS, "exp": time.time() + 60}, "another-secret-of-more-than-32-characters"),
        jwt.encode({**CLAIMS, "exp": time.time() - 60}, SECRET),
        jwt.encode(CLAIMS, SECRET),
        jwt.encode({**CLAIMS, "exp": time.time() + 60, "iss": "somebody"}, SECRET),
        jwt.encode({**CLAIMS, "exp": time.time() + 60, "aud": "somebody"}, SECRET),
        jwt.encode({**CLAIMS, "exp": time.time() + 60}, "", algorithm="none"),
    ],
    ids=["nonsense", "another secret", "expired", "without end", "another issuer", "for somebody else", "unsigned"],
)
def test_a_token_that_we_did_not_issue_or_that_has_ended_is_refused(client, token):
    answer = client.get("/api/me", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("change", [{"password": "short"}, {"email": "no address"}, {"name": ""}])
def test_what_cannot_be_an_account_is_refused_with_the_field(client, change):
    answer = client.post("/api/signup", json={**_account(), **change})
    assert answer.status_code == 422
    assert next(iter(change)) in answer.json()["detail"]
