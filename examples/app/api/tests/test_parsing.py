"""Tempo and tracks: with the parser, without it, and of what is no DAW's file."""

import dataclasses
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from stemhub_api import parsing
from stemhub_api.main import create_app
from testing.waiting import answers, free_port, until

from .conftest import new_version

REAPER = b'<REAPER_PROJECT 0.1 "7.22/linux" 1\n  TEMPO 93 4 4\n  <TRACK\n    NAME "Lead vox"\n  >\n>\n'
SESSION = {"daw": "Reaper 7.22", "tempo": 93.0, "tracks": [{"name": "Lead vox", "kind": "track"}]}


@pytest.fixture(scope="module")
def parser() -> Iterator[str]:
    """As in its pod: a process of its own."""
    here, port = Path(__file__).parents[2], free_port()
    env = {"PATH": os.environ["PATH"], "PORT": str(port), "PYTHONPATH": f"{here}/service:{here}/dawparser"}
    running = subprocess.Popen([sys.executable, "-m", "stemhub_dawparser"], env=env, stdout=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    until(lambda: answers(f"{url}/readyz"), 30)
    yield url
    running.terminate()
    running.wait(10)


@pytest.fixture
def with_parser(settings, parser) -> Iterator[TestClient]:
    with TestClient(create_app(dataclasses.replace(settings, dawparser_url=parser))) as client:
        yield client


@pytest.fixture(params=["none", "away", "silent"])
def without_parser(settings, request, monkeypatch) -> Iterator[TestClient]:
    """No parser is configured; or nothing listens there; or what listens never answers."""
    monkeypatch.setattr(parsing, "_ANSWER_SECONDS", 0.3)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        url = {"none": None, "away": "http://127.0.0.1:9", "silent": f"http://127.0.0.1:{listener.getsockname()[1]}"}
        with TestClient(create_app(dataclasses.replace(settings, dawparser_url=url[request.param]))) as client:
            yield client


def test_of_an_uploaded_session_tempo_and_tracks_are_listed(with_parser, project):
    made, owner = project
    _, path = new_version(with_parser, made, owner, REAPER)
    assert with_parser.put(path, content=REAPER, headers=owner).status_code == 204
    (listed,) = with_parser.get(f"/api/projects/{made['id']}/versions", headers=owner).json()
    assert listed["session"] == SESSION


@pytest.mark.parametrize("content", [b"RIFF....WAVE", b"\x1f\x8bnoise", b"<REAPER_PROJECT 0.1\n"])
def test_a_file_that_says_nothing_is_stored_and_listed(with_parser, project, content):
    made, owner = project
    _, path = new_version(with_parser, made, owner, content)
    assert with_parser.put(path, content=content, headers=owner).status_code == 204
    (listed,) = with_parser.get(f"/api/projects/{made['id']}/versions", headers=owner).json()
    assert (listed["session"], listed["uploaded_at"] is not None) == (None, True)


def test_without_the_parser_a_session_is_stored_and_listed(without_parser, project):
    made, owner = project
    _, path = new_version(without_parser, made, owner, REAPER)
    assert without_parser.put(path, content=REAPER, headers=owner).status_code == 204
    (listed,) = without_parser.get(f"/api/projects/{made['id']}/versions", headers=owner).json()
    assert (listed["session"], listed["uploaded_at"] is not None) == (None, True)


def test_a_file_is_parsed_without_being_kept(with_parser, project):
    _, owner = project
    answer = with_parser.post("/api/parse", content=REAPER, headers=owner)
    assert answer.json().items() >= {**SESSION, "parsed": True, "size": len(REAPER)}.items()
    assert "x-stemhub-fallback" not in answer.headers


def test_without_the_parser_the_answer_is_the_basic_one_and_marked(without_parser, project):
    _, owner = project
    answer = without_parser.post("/api/parse", content=REAPER, headers=owner)
    assert (answer.status_code, answer.headers["x-stemhub-fallback"]) == (200, "true")
    assert answer.json() == without_parser.post("/api/parse/basic", content=REAPER, headers=owner).json()
    assert answer.json().items() >= {"parsed": False, "daw": "Reaper", "tempo": None, "tracks": None}.items()


def test_what_the_parser_cannot_read_is_told_with_its_reason(with_parser, project):
    _, owner = project
    answer = with_parser.post("/api/parse", content=b"\x1f\x8bnoise", headers=owner)
    assert (answer.status_code, "unpacked" in answer.json()["detail"]) == (422, True)


@pytest.mark.parametrize("path", ["/api/parse", "/api/parse/basic"])
def test_files_are_read_for_users_and_up_to_a_size(with_parser, project, path):
    _, owner = project
    assert with_parser.post(path, content=REAPER).status_code == 401
    assert with_parser.post(path, content=b"x" * (32 * 1024**2 + 1), headers=owner).status_code == 413
