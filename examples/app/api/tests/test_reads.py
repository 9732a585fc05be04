"""Who serves a read, on a primary and a standby that really replicate."""

import dataclasses
from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient

from stemhub_api.main import create_app
from testing.waiting import until


@pytest.fixture
def replicated(settings, postgres, standby) -> Iterator[TestClient]:
    """The service with a replica to read from. https, or the client would not send Secure cookies back."""
    separate = dataclasses.replace(settings, database_read_url=standby.url)
    with TestClient(create_app(separate), base_url="https://studio.test") as client:
        yield client
    standby.execute("SELECT pg_wal_replay_resume()")


@pytest.fixture
def caught_up(postgres, standby):
    def wait() -> None:
        position = postgres.execute("SELECT pg_current_wal_lsn()")[0][0]
        until(lambda: standby.execute(f"SELECT pg_last_wal_replay_lsn() >= '{position}'")[0][0])

    return wait


def served(answer) -> tuple[int, str | None]:
    return answer.status_code, answer.headers.get("x-stemhub-served-by")


def test_a_read_is_served_by_a_replica_and_says_so(replicated, project, caught_up):
    made, owner = project
    caught_up()
    path = f"/api/projects/{made['id']}"
    assert served(replicated.get(path, headers=owner)) == (200, "replica")
    assert served(replicated.get(f"{path}?read=primary", headers=owner)) == (200, "primary")


def test_who_has_written_sees_it_at_once_though_the_replica_is_behind(replicated, musician, standby, caught_up):
    _, ada = musician()
    replicated.post("/api/projects", json={"name": "old"}, headers=ada)
    caught_up()
    standby.execute("SELECT pg_wal_replay_pause()")
    new = replicated.post("/api/projects", json={"name": "new"}, headers=ada)
    cookie = new.headers["set-cookie"].lower()
    assert all(word in cookie for word in ("stemhub_position=", "httponly", "secure", "samesite=lax"))

    listed = replicated.get("/api/projects", headers=ada)
    assert (served(listed), len(listed.json())) == ((200, "primary"), 2)

    standby.execute("SELECT pg_wal_replay_resume()")
    caught_up()
    listed = replicated.get("/api/projects", headers=ada)
    assert (served(listed), len(listed.json())) == ((200, "replica"), 2)


def test_what_a_replica_does_not_have_yet_is_asked_of_the_primary(replicated, musician, standby):
    standby.execute("SELECT pg_wal_replay_pause()")
    _, ada = musician()
    path = f"/api/projects/{replicated.post('/api/projects', json={'name': 'x'}, headers=ada).json()['id']}"
    replicated.cookies.clear()  # Somebody else, who was only told of it.
    assert served(replicated.get(path, headers=ada)) == (200, "primary")
    assert replicated.get(f"{path}?read=replica", headers=ada).status_code == 404


def test_a_position_that_is_none_does_no_harm(replicated, project):
    _, owner = project
    for position in ("'; DROP TABLE users", "FFFFFFFFF/0", ""):
        answer = replicated.get("/api/projects", headers={**owner, "Cookie": f"stemhub_position={position}"})
        assert answer.status_code == 200


def test_without_the_replica_reads_go_to_the_primary(settings, project):
    made, owner = project
    nowhere = dataclasses.replace(settings, database_read_url="postgresql://postgres@127.0.0.1:9/stemhub")
    with TestClient(create_app(nowhere)) as client:
        for _ in range(2):
            assert served(client.get(f"/api/projects/{made['id']}", headers=owner)) == (200, "primary")
        assert client.get("/readyz").status_code == 200


def test_without_the_primary_reads_go_on_and_writes_are_refused(settings, standby, project, caught_up):
    """As behind the operator's own endpoint: while there is no primary, it leads to a replica."""
    made, owner = project
    caught_up()
    only_replica = dataclasses.replace(settings, database_url=standby.url, database_read_url=standby.url)
    with TestClient(create_app(only_replica)) as client:
        assert client.get("/readyz").json() == {"status": "ok", "database": "replica"}
        assert served(client.get(f"/api/projects/{made['id']}", headers=owner)) == (200, "replica")
        answer = client.post("/api/projects", json={"name": "x"}, headers=owner)
    assert (answer.status_code, answer.headers["x-stemhub-error"]) == (503, "read-only")


def test_a_write_that_no_standby_holds_is_not_acknowledged(client, project, postgres, monkeypatch):
    monkeypatch.setattr("stemhub_service.database._WRITE_SECONDS", 1)
    _, owner = project
    wait_for = "ALTER SYSTEM SET synchronous_standby_names = '{}'"
    postgres.execute(wait_for.format("nobody"), "SELECT pg_reload_conf()")
    try:
        until(lambda: postgres.execute("SHOW synchronous_standby_names") == [("nobody",)])
        answer = client.post("/api/projects", json={"name": "lost?"}, headers=owner)
    finally:
        postgres.execute("SET synchronous_commit = local", wait_for.format(""), "SELECT pg_reload_conf()")
    assert answer.status_code == 503
    assert "Look whether your change was saved" in answer.json()["detail"]
