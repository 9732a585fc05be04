"""The service as it runs in a pod: its own process, ended by SIGTERM."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx2
import pytest

from testing.waiting import answers, free_port, until

from .conftest import new_version


@pytest.fixture
def process(settings):
    env = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": "../service",
        "PORT": str(free_port()),
        "DATABASE_URL": settings.database_url,
        "JWT_SECRET": settings.jwt_secret,
        "S3_ENDPOINT": settings.storage.endpoint,
        "S3_BUCKET": settings.storage.bucket,
        "S3_REGION": settings.storage.region,
        "S3_ACCESS_KEY_ID": settings.storage.access_key_id,
        "S3_SECRET_ACCESS_KEY": settings.storage.secret_access_key,
    }
    command = [sys.executable, "-m", "stemhub_api"]
    here = Path(__file__).parent.parent
    running = subprocess.Popen(command, cwd=here, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    url = f"http://127.0.0.1:{env['PORT']}"
    until(lambda: running.poll() is not None or answers(f"{url}/readyz"), 30)
    yield running, url
    running.kill()
    running.wait(10)


def test_at_sigterm_an_upload_that_has_begun_is_finished_and_every_log_line_is_json(process, project):
    running, url = process
    made, owner = project
    slow_began = threading.Event()

    def slowly():
        yield b"st"
        slow_began.set()
        time.sleep(1)
        yield b"em"

    with httpx2.Client(base_url=url, timeout=20) as client:
        _, path = new_version(client, made, owner)
        statuses = []
        headers = {**owner, "Content-Length": "4"}
        uploading = threading.Thread(
            target=lambda: statuses.append(client.put(path, content=slowly(), headers=headers).status_code)
        )
        uploading.start()
        assert slow_began.wait(10)
        running.send_signal(signal.SIGTERM)
        uploading.join(20)
    assert statuses == [204]
    output, _ = running.communicate(timeout=20)
    lines = [json.loads(line) for line in output.splitlines()]
    assert {"method": "PUT", "status": 204}.items() <= lines[
        [line.get("method") for line in lines].index("PUT")
    ].items()
    assert owner["Authorization"].split()[1] not in output
