"""Projects, roles, branches, versions and artifacts."""

import uuid

import pytest

from .conftest import new_version


def test_a_project_begins_with_a_main_branch_and_a_place_for_its_files(client, project):
    made, owner = project
    assert made["storage_path"] == f"projects/{made['id']}"
    assert [branch["name"] for branch in client.get(f"/api/projects/{made['id']}/branches", headers=owner).json()] == [
        "main"
    ]
    assert [one["id"] for one in client.get("/api/projects", headers=owner).json()] == [made["id"]]


def test_a_stranger_learns_nothing_of_a_project(client, project, musician):
    made, _ = project
    _, stranger = musician("Eve")
    assert client.get(f"/api/projects/{made['id']}", headers=stranger).status_code == 404
    assert client.get("/api/projects", headers=stranger).json() == []


@pytest.mark.parametrize(
    ("role", "reads", "branches", "invites"),
    [("Viewer", 200, 403, 403), ("Editor", 200, 201, 403), ("Admin", 200, 201, 204)],
)
def test_each_role_may_what_it_says(client, project, musician, role, reads, branches, invites):
    made, owner = project
    email, guest = musician("Grace")
    other, _ = musician("Linus")
    path = f"/api/projects/{made['id']}"
    body = {"email": email, "role": role}
    assert client.put(f"{path}/collaborators", json=body, headers=owner).status_code == 204

    assert client.get(path, headers=guest).status_code == reads
    assert client.post(f"{path}/branches", json={"name": "remix"}, headers=guest).status_code == branches
    body = {"email": other, "role": "Viewer"}
    assert client.put(f"{path}/collaborators", json=body, headers=guest).status_code == invites


def test_nobody_is_invited_by_an_address_without_account(client, project):
    made, owner = project
    body = {"email": "nobody@studio.example.com", "role": "Viewer"}
    assert client.put(f"/api/projects/{made['id']}/collaborators", json=body, headers=owner).status_code == 404


def test_versions_of_a_branch_are_a_chain(client, project):
    made, owner = project
    first, _ = new_version(client, made, owner)
    second, _ = new_version(client, made, owner, message="second")
    assert (first["parent_id"], second["parent_id"]) == (None, first["id"])
    listed = client.get(f"/api/projects/{made['id']}/versions", headers=owner).json()
    assert [one["id"] for one in listed] == [first["id"], second["id"]]

    body = {"name": "remix", "from_version": first["id"]}
    branch = client.post(f"/api/projects/{made['id']}/branches", json=body, headers=owner).json()
    assert branch["head_id"] == first["id"]
    assert client.post(f"/api/projects/{made['id']}/branches", json=body, headers=owner).status_code == 409
    body = {"name": "lost", "from_version": str(uuid.uuid4())}
    assert client.post(f"/api/projects/{made['id']}/branches", json=body, headers=owner).status_code == 404


def test_an_artifact_comes_back_as_it_went(client, project):
    made, owner = project
    content = bytes(range(256)) * 8192
    _, path = new_version(client, made, owner, content)
    assert client.get(path, headers=owner).status_code == 409
    assert client.put(path, content=content, headers=owner).status_code == 204
    assert client.get(path, headers=owner).content == content
    # Again: the same file under the same digest is no conflict.
    assert client.put(path, content=content, headers=owner).status_code == 204


@pytest.mark.parametrize("content", [b"other", b"ste", b"stem and more"], ids=["other", "shorter", "longer"])
def test_a_file_that_is_not_the_version_s_is_refused_and_not_stored(client, project, content):
    made, owner = project
    _, path = new_version(client, made, owner)
    assert client.put(path, content=content, headers=owner).status_code == 422
    assert client.get(path, headers=owner).status_code == 409
