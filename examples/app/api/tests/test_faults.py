"""What the service says when something behind it is not as it should be."""

import dataclasses
import json
import time

import psycopg
import pytest
from fastapi.testclient import TestClient

from stemhub_api.main import create_app
from stemhub_api.settings import read_settings
from stemhub_service.logs import JsonFormatter
from testing.waiting import until

from .conftest import new_version

PROBE_SECONDS = 2
"""timeoutSeconds of a readiness probe where the spec names none."""


def test_a_read_only_database_is_told_to_the_gateway_by_a_header_whatever_the_change(client, project, postgres):
    made, owner = project
    path = f"/api/projects/{made['id']}"
    branch = client.get(f"{path}/branches", headers=owner).json()[0]["id"]
    _, artifact = new_version(client, made, owner)
    version = {"message": "x", "artifact_sha256": "0" * 64, "artifact_size": 1, "daw": "x"}
    account = {"email": "grace@studio.example.com", "password": "correct horse", "name": "Grace"}
    payment = {"amount_cents": 1, "currency": "EUR", "purpose": "x"}
    changes = [
        ("POST", "/api/signup", {"json": account}),
        ("POST", "/api/projects", {"json": {"name": "x"}}),
        ("PATCH", path, {"json": {"name": "x"}}),
        ("PUT", f"{path}/collaborators", {"json": {"email": account["email"], "role": "Viewer"}}),
        ("POST", f"{path}/branches", {"json": {"name": "x"}}),
        ("POST", f"{path}/branches/{branch}/versions", {"json": version}),
        ("PUT", artifact, {"content": b"stem"}),
        ("POST", "/api/payments", {"json": payment}),
    ]
    with psycopg.connect(postgres.url, autocommit=True) as connection:
        connection.execute("ALTER DATABASE stemhub SET default_transaction_read_only = on")
        connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
    try:
        for number, (method, where, body) in enumerate(changes):
            for headers in (owner, {**owner, "Idempotency-Key": f"change-{number}"}):
                answer = client.request(method, where, headers=headers, **body)
                if where == "/api/payments" and headers is owner:
                    continue  # It needs a key, whatever the database.
                assert (answer.status_code, answer.headers.get("x-stemhub-error")) == (503, "read-only"), where
                assert answer.headers["content-type"] == "application/problem+json"
        assert client.get(path, headers=owner).status_code == 200
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
        path = f"/api/artifacts/{made['id']}/{made['id']}"
        answer = client.put(path, content=b"x", headers=owner)
    assert answer.status_code == 503
    assert "Keep your copy" in answer.json()["detail"]


def test_what_is_nowhere_is_a_problem_document_with_the_request_s_own_id(client):
    answer = client.get("/api/nowhere", headers={"X-Request-Id": "abc"})
    assert answer.json() == {"type": "about:blank", "title": "Not Found", "status": 404, "detail": "Not Found"}
    assert answer.headers["x-request-id"] == "abc"


def test_a_log_line_is_json_and_holds_no_query_and_no_token(client, project, caplog):
    _, owner = project
    caplog.set_level("INFO")
    client.get("/api/projects?token=s3cret", headers={**owner, "X-Request-Id": "take-1"})
    printed = "\n".join(JsonFormatter().format(record) for record in caplog.records if "stemhub" in record.name)
    line = json.loads(printed.splitlines()[-1])
    assert (line["path"], line["status"], line["request_id"]) == ("/api/projects", 200, "take-1")
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


def test_an_error_that_nobody_foresaw_is_a_problem_document_without_its_text(settings, caplog):
    app = create_app(settings)

    @app.get("/boom")
    async def boom():
        raise RuntimeError("the cat knows the password")

    with TestClient(app) as client:
        answer = client.get("/boom", headers={"X-Request-Id": "take-2"})
    assert (answer.status_code, answer.headers["x-request-id"]) == (500, "take-2")
    assert answer.headers["content-type"] == "application/problem+json"
    assert "cat" not in answer.text
    assert any(record.exc_info for record in caplog.records)


def test_settings_print_without_their_secrets(settings):
    assert settings.jwt_secret not in repr(settings)
    assert settings.storage.secret_access_key not in repr(settings)
    assert settings.database_url not in repr(settings)


def test_when_storage_is_away_the_service_is_ready_and_an_upload_says_what_to_do(settings, project):
    made, owner = project
    away = dataclasses.replace(settings, storage=dataclasses.replace(settings.storage, endpoint="http://127.0.0.1:9"))
    with TestClient(create_app(away)) as client:
        _, path = new_version(client, made, owner)
        answer = client.put(path, content=b"stem", headers=owner)
        assert client.get("/readyz").status_code == 200
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "10")
    assert "Keep your copy" in answer.json()["detail"]


def test_an_artifact_that_changed_in_storage_never_arrives_whole(client, project, storage_directory):
    made, owner = project
    version, path = new_version(client, made, owner, b"stem" * 100_000)
    assert client.put(path, content=b"stem" * 100_000, headers=owner).status_code == 204
    stored = storage_directory / "stems" / made["storage_path"] / version["artifact_sha256"]
    stored.write_bytes(b"noise" + stored.read_bytes()[5:])
    with pytest.raises(OSError, match="not what its name says"):
        client.get(path, headers=owner)


def test_a_database_that_hangs_is_told_before_the_probe_ends(settings, postgres):
    with TestClient(create_app(settings)) as client:
        assert client.get("/readyz").status_code == 200
        postgres.freeze()
        try:
            began = time.monotonic()
            assert client.get("/readyz").status_code == 503
            assert time.monotonic() - began < PROBE_SECONDS
            assert client.get("/healthz").status_code == 200
        finally:
            postgres.thaw()
        until(lambda: client.get("/readyz").status_code == 200)


def test_after_a_longer_outage_the_first_requests_find_the_database_again(settings, postgres, project):
    made, owner = project
    with TestClient(create_app(settings)) as client:
        assert client.get("/api/me", headers=owner).status_code == 200
        postgres.stop()
        try:
            # Longer than the pool's pause between attempts grows.
            end = time.monotonic() + 8
            while time.monotonic() < end:
                assert client.get("/readyz").status_code == 503
        finally:
            postgres.start()
        began = time.monotonic()
        until(lambda: client.get("/readyz").status_code == 200)
        assert time.monotonic() - began < 4
        assert client.get(f"/api/projects/{made['id']}", headers=owner).status_code == 200
