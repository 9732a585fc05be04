"""Changes that are made once, and changes that the write queue makes for their author."""

import base64
import hashlib
import json
import threading
import time
import uuid

import jwt
import pytest

from testing.keys import ed25519_key
from testing.waiting import until

from .conftest import QUEUE_KEY

PAYMENT = {"amount_cents": 900, "currency": "EUR", "purpose": "one month"}


def key() -> dict:
    return {"Idempotency-Key": uuid.uuid4().hex}


def names(client, owner) -> list[str]:
    return [each["name"] for each in client.get("/api/projects", headers=owner).json()]


def test_a_change_that_is_asked_for_twice_is_made_once_and_answered_alike(client, musician):
    _, ada = musician()
    headers = {**ada, **key()}
    first, second = (client.post("/api/projects", json={"name": "Night drive"}, headers=headers) for _ in range(2))
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json() == second.json()
    assert ("idempotency-replayed" in first.headers, second.headers["idempotency-replayed"]) == (False, "true")
    assert names(client, ada) == ["Night drive"]


@pytest.mark.parametrize("other", [{"json": {"name": "Day drive"}}, {"json": {"name": "Night drive"}, "path": "?a=b"}])
def test_a_key_belongs_to_one_change(client, musician, other):
    _, ada = musician()
    headers = {**ada, **key()}
    assert client.post("/api/projects", json={"name": "Night drive"}, headers=headers).status_code == 201
    answer = client.post(f"/api/projects{other.get('path', '')}", json=other["json"], headers=headers)
    assert (answer.status_code, names(client, ada)) == (422, ["Night drive"])
    assert "new key" in answer.json()["detail"]


def test_a_key_of_somebody_else_is_another_key(client, musician):
    _, ada = musician("Ada")
    _, grace = musician("Grace")
    same = key()
    answers = [client.post("/api/projects", json={"name": "x"}, headers={**who, **same}).json() for who in (ada, grace)]
    assert answers[0]["id"] != answers[1]["id"]


def test_a_change_that_was_refused_may_be_asked_for_again_under_its_key(client, project, musician):
    made, owner = project
    email, guest = musician("Grace")
    path, headers = f"/api/projects/{made['id']}", {**guest, **key()}
    assert client.patch(path, json={"name": "Mine"}, headers=headers).status_code == 404
    invitation = {"email": email, "role": "Editor"}
    assert client.put(f"{path}/collaborators", json=invitation, headers={**owner, **key()}).status_code == 204
    assert client.patch(path, json={"name": "Mine"}, headers=headers).json()["name"] == "Mine"


@pytest.mark.parametrize("bad", ["", "with space", "x" * 256, "é".encode()])
def test_a_key_that_is_none_is_refused(client, musician, bad):
    _, ada = musician()
    headers = [*ada.items(), ("Idempotency-Key", bad)]
    assert client.post("/api/projects", json={"name": "x"}, headers=headers).status_code == 400
    assert names(client, ada) == []


def test_of_many_that_ask_at_once_one_makes_the_change(client, musician):
    _, ada = musician()
    headers, answers = {**ada, **key()}, []

    def ask():
        answers.append(client.post("/api/payments", json=PAYMENT, headers=headers))

    threads = [threading.Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [answer.status_code for answer in answers] == [201] * 6
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert sum("idempotency-replayed" not in answer.headers for answer in answers) == 1
    assert len(client.get("/api/payments", headers=ada).json()) == 1


def test_what_was_applied_a_month_ago_is_forgotten(client, musician, postgres):
    _, ada = musician()
    old = key()
    client.post("/api/payments", json=PAYMENT, headers={**ada, **old})
    postgres.execute("UPDATE applied_writes SET applied_at = now() - interval '31 days'")
    client.post("/api/payments", json=PAYMENT, headers={**ada, **key()})
    kept = f"SELECT count(*) FROM applied_writes WHERE key = '{old['Idempotency-Key']}'"
    until(lambda: postgres.execute(kept) == [(0,)])


def test_a_payment_needs_a_key_and_is_listed_for_its_payer_alone(client, musician):
    _, ada = musician("Ada")
    _, eve = musician("Eve")
    assert client.post("/api/payments", json=PAYMENT, headers=ada).status_code == 400
    assert client.post("/api/payments", json=PAYMENT, headers={**ada, **key()}).status_code == 201
    assert [paid["amount_cents"] for paid in client.get("/api/payments", headers=ada).json()] == [900]
    assert client.get("/api/payments", headers=eve).json() == []


class Replay:
    """A request as the write queue makes it, and what its assertion says."""

    def __init__(self, author: str, body: dict) -> None:
        self.body = json.dumps(body).encode()
        self.key = uuid.uuid4().hex
        digest = base64.urlsafe_b64encode(hashlib.sha256(self.body).digest()).rstrip(b"=").decode()
        self.claims = {
            "iss": "stemhub-queue",
            "aud": "api",
            "sub": author,
            "user_iss": "stemhub-api",
            "exp": int(time.time()) + 60,
            "key": self.key,
            "bsh": digest,
            "htm": "POST",
            "htu": "/api/projects",
        }

    def headers(self, *, signed_by=QUEUE_KEY, kid="queue-1", algorithm="EdDSA", **changed) -> dict:
        claims = {name: value for name, value in {**self.claims, **changed}.items() if value is not None}
        assertion = jwt.encode(claims, signed_by, algorithm=algorithm, headers={"kid": kid})
        headers = {"X-StemHub-Assertion": assertion, "Idempotency-Key": self.key, "Content-Type": "application/json"}
        return headers


@pytest.fixture
def replay(client, musician):
    """A project that Ada wants to make, replayed; and the header by which she looks."""
    _, ada = musician()
    return Replay(client.get("/api/me", headers=ada).json()["id"], {"name": "Queued"}), ada


def test_the_queue_makes_a_change_for_its_author_once_and_a_client_that_tries_again_gets_the_same(client, replay):
    queued, ada = replay
    first = client.post("/api/projects", content=queued.body, headers=queued.headers(htm=None, htu=None))
    assert first.status_code == 201, first.text
    again = client.post("/api/projects", content=queued.body, headers=queued.headers(exp=int(time.time()) + 30))
    direct = client.post(
        "/api/projects",
        content=queued.body,
        headers={**ada, "Idempotency-Key": queued.key, "Content-Type": "application/json"},
    )
    assert first.json() == again.json() == direct.json()
    assert names(client, ada) == ["Queued"]


def test_the_queue_renames_a_project_that_its_author_may_rename(client, project, replay):
    made, owner = project
    stranger, _ = replay
    path = f"/api/projects/{made['id']}"
    here = {"htm": "PATCH", "htu": path}
    assert client.patch(path, content=stranger.body, headers=stranger.headers(**here)).status_code == 404
    queued = Replay(client.get("/api/me", headers=owner).json()["id"], {"name": "Renamed"})
    assert client.patch(path, content=queued.body, headers=queued.headers(**here)).json()["name"] == "Renamed"
    assert names(client, owner) == ["Renamed"]


def test_every_change_of_a_project_can_be_queued_since_they_share_a_prefix(client, project, musician):
    made, owner = project
    author = client.get("/api/me", headers=owner).json()["id"]
    email, _ = musician()
    path = f"/api/projects/{made['id']}"
    branch = client.get(f"{path}/branches", headers=owner).json()[0]["id"]
    version = {"message": "first", "artifact_sha256": "0" * 64, "artifact_size": 1, "daw": "Reaper"}
    changes = [
        ("PUT", f"{path}/collaborators", {"email": email, "role": "Viewer"}, 204),
        ("POST", f"{path}/branches", {"name": "ideas"}, 201),
        ("POST", f"{path}/branches/{branch}/versions", version, 201),
    ]
    for method, where, body, status in changes:
        queued = Replay(author, body)
        answer = client.request(method, where, content=queued.body, headers=queued.headers(htm=method, htu=where))
        assert answer.status_code == status, answer.text


@pytest.mark.parametrize(
    "change",
    [
        {"iss": "somebody"},
        {"aud": "web"},
        {"aud": None},
        {"sub": "root"},
        {"sub": None},
        {"user_iss": "somebody"},
        {"user_iss": None},
        {"exp": int(time.time()) - 60},
        {"exp": int(time.time()) + 3600},
        {"exp": None},
        {"key": "another"},
        {"key": None},
        {"bsh": base64.urlsafe_b64encode(hashlib.sha256(b"{}").digest()).decode()},
        {"bsh": None},
        {"htm": "PATCH"},
        {"htu": "/api/payments"},
        {"htu": "/api/projects?a=b"},
        {"signed_by": ed25519_key()},
        {"signed_by": "a-secret-of-more-than-32-characters", "algorithm": "HS256"},
        {"signed_by": None, "algorithm": "none"},
    ],
    ids=lambda change: ",".join(f"{name} {str(value)[:12]}" for name, value in change.items()),
)
def test_an_assertion_that_is_not_the_queue_s_for_this_request_is_refused(client, replay, change):
    queued, ada = replay
    answer = client.post("/api/projects", content=queued.body, headers=queued.headers(**change))
    assert (answer.status_code, names(client, ada)) == (401, [])
    assert answer.headers["content-type"] == "application/problem+json"


def test_an_assertion_for_another_body_or_key_than_came_is_refused(client, replay):
    queued, ada = replay
    other_body = client.post("/api/projects", content=queued.body + b" ", headers=queued.headers())
    other_key = client.post("/api/projects", content=queued.body, headers={**queued.headers(), **key()})
    without = {name: value for name, value in queued.headers().items() if name != "Idempotency-Key"}
    no_key = client.post("/api/projects", content=queued.body, headers=without)
    assert [answer.status_code for answer in (other_body, other_key, no_key)] == [401, 401, 401]
    assert names(client, ada) == []


def test_a_key_that_has_not_arrived_yet_is_told_as_temporary_so_that_the_queue_tries_again(client, replay):
    queued, _ = replay
    answer = client.post("/api/projects", content=queued.body, headers=queued.headers(kid="queue-2"))
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")


def test_a_route_that_did_not_opt_in_takes_no_assertion(client, replay):
    queued, _ = replay
    queued.body = json.dumps(PAYMENT).encode()
    answer = client.post("/api/payments", content=queued.body, headers=queued.headers(htu="/api/payments"))
    assert answer.status_code == 401
    assert client.get("/api/projects", headers=queued.headers(htm="GET")).status_code == 401
