"""What the service says when something behind it is not as it should be."""

import dataclasses

import psycopg
import pytest
from fastapi.testclient import TestClient

from stemhub_api.main import create_app
from stemhub_api.settings import read_settings


def test_a_read_only_database_is_told_to_the_gateway_by_a_header(client, project, postgres):
    made, owner = project
    with psycopg.connect(postgres.url, autocommit=True) as connection:
        connection.execute("ALTER DATABASE stemhub SET default_transaction_read_only = on")
        connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
    try:
        answer = client.post("/api/projects", json={"name": "x"}, headers=owner)
        assert (answer.status_code, answer.headers["x-stemhub-error"]) == (503, "read-only")
        assert answer.headers["content-type"] == "application/problem+json"
        assert client.get(f"/api/projects/{made['id']}", headers=owner).status_code == 200
    finally:
        with psycopg.connect(postgres.url, autocommit=True) as connection:
            connection.execute("SET default_transaction_read_only = off")
            connection.execute("ALTER DATABASE stemhub RESET default_transaction_read_only")
            connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")


def test_a_read_names_who_served_it(client, project):
    made, owner = project
    assert client.get(f"/api/projects/{made['id']}", headers=owner).headers["x-stemhub-served-by"] == "primary"


def test_when_the_database_is_away_readyz_says_so_healthz_does_not_and_the_pool_comes_back(settings, postgres):
    with TestClient(create_app(settings)) as client:
        assert client.get("/readyz").status_code == 200
        postgres.stop()
        try:
            assert client.get("/readyz").status_code == 503
            assert client.get("/healthz").status_code == 200
        finally:
            postgres.start()
        assert client.get("/readyz").status_code == 200


def test_without_storage_an_upload_is_refused_with_what_to_do(settings, project):
    made, owner = project
    with TestClient(create_app(dataclasses.replace(settings, storage=None))) as client:
        path = f"/api/projects/{made['id']}/versions/{made['id']}/artifact"
        answer = client.put(path, content=b"x", headers=owner)
    assert answer.status_code == 503
    assert "Keep your copy" in answer.json()["detail"]


def test_what_is_nowhere_is_a_problem_document_with_the_request_s_own_id(client):
    answer = client.get("/api/nowhere", headers={"X-Request-Id": "abc"})
    assert answer.json() == {"type": "about:blank", "title": "Not Found", "status": 404, "detail": "Not Found"}
    assert answer.headers["x-request-id"] == "abc"


def test_no_log_line_holds_a_query_or_a_token(client, project, capsys):
    _, owner = project
    client.get("/api/projects?token=s3cret", headers=owner)
    printed = capsys.readouterr().out
    assert '"path": "/api/projects"' in printed
    assert "s3cret" not in printed
    assert owner["Authorization"].split()[1] not in printed


@pytest.mark.parametrize(
    ("env", "word"),
    [
        ({}, "JWT_SECRET"),
        ({"JWT_SECRET": "short"}, "32 characters"),
        ({"JWT_SECRET": "x" * 32}, "DATABASE_URL"),
        ({"JWT_SECRET": "x" * 32, "DATABASE_URL": "d", "S3_ENDPOINT": "e"}, "S3_BUCKET"),
    ],
)
def test_half_a_configuration_does_not_start_and_names_what_is_missing(env, word):
    with pytest.raises(SystemExit, match=word):
        read_settings(env)
