"""What is read from DAW files, and what is refused."""

import gzip
import io
import threading
import tracemalloc
import zlib

import pytest
from fastapi.testclient import TestClient

from stemhub_dawparser import ableton, main
from stemhub_dawparser.main import create_app
from stemhub_dawparser.session import LARGEST_FILE, MOST_TRACKS


@pytest.fixture(scope="module")
def client():
    with TestClient(create_app()) as running:
        yield running


def track(kind: str, name: str) -> str:
    return (
        f'<{kind} Id="8"><LomId Value="0"/><Name><EffectiveName Value="{name}"/><UserName Value=""/></Name>'
        '<DeviceChain><Mixer><Tempo><Manual Value="11"/></Tempo></Mixer>'
        '<Devices><Name><EffectiveName Value="a device"/></Name></Devices></DeviceChain>'
        f"</{kind}>"
    )


def live_set(tracks: str, main_track: str = "MainTrack", tempo: str = "128.5", before: str = "") -> bytes:
    xml = (
        f'<?xml version="1.0" encoding="UTF-8"?>{before}<Ableton MajorVersion="5" Creator="Ableton Live 12.1.5">'
        f"<LiveSet><Tracks>{tracks}</Tracks>"
        f'<{main_track}><DeviceChain><Mixer><Tempo><LomId Value="0"/><Manual Value="{tempo}"/></Tempo></Mixer>'
        f"</DeviceChain></{main_track}></LiveSet></Ableton>"
    )
    return gzip.compress(xml.encode())


REAPER = b"""<REAPER_PROJECT 0.1 "7.22/linux-x86_64" 1717171717
  RIPPLE 0 0
  TEMPO 93.25 4 4
  <NOTES 0 2
    |TEMPO 11 4 4
  >
  <TRACK {0AF9DCBE-0000-4000-8000-000000000001}
    NAME "Lead vox"
    PEAKCOL 16576
    <ITEM
      NAME take.wav
      <SOURCE WAVE
        FILE "take.wav"
      >
    >
  >
  <TRACK
    NAME Drums
  >
  <TRACK
    NAME 'Say "hey"'
  >
  <TRACK
    NAME ""
  >
>
"""


@pytest.mark.parametrize("main_track", ["MainTrack", "MasterTrack"])
def test_of_a_live_set_tempo_and_tracks_are_read(client, main_track):
    tracks = track("AudioTrack", "Vox &amp; Choir") + track("MidiTrack", "Bass") + track("GroupTrack", "Drums")
    answer = client.post("/parse", content=live_set(tracks + track("ReturnTrack", "A-Reverb"), main_track))
    assert answer.json() == {
        "daw": "Ableton Live 12.1.5",
        "tempo": 128.5,
        "tracks": [
            {"name": "Vox & Choir", "kind": "audio"},
            {"name": "Bass", "kind": "midi"},
            {"name": "Drums", "kind": "group"},
            {"name": "A-Reverb", "kind": "return"},
        ],
    }


@pytest.mark.parametrize("content", [REAPER, REAPER.replace(b"\n", b"\r\n")], ids=["unix", "windows"])
def test_of_a_reaper_project_tempo_and_tracks_are_read(client, content):
    answer = client.post("/parse", content=content).json()
    assert (answer["daw"], answer["tempo"]) == ("Reaper 7.22", 93.25)
    assert [each["name"] for each in answer["tracks"]] == ["Lead vox", "Drums", 'Say "hey"', ""]


@pytest.mark.parametrize("tempo", ["fast", "nan", "inf", "-1", "0", "1e9", ""])
def test_a_tempo_that_is_none_is_none(client, tempo):
    assert client.post("/parse", content=live_set("", tempo=tempo)).json()["tempo"] is None


ENTITIES = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 10))
BOMB = f'<!DOCTYPE lolz [<!ENTITY a0 "lol">{ENTITIES}]>'


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (live_set(track("AudioTrack", "&a9;"), before=BOMB), "document type"),
        (live_set("", before='<!DOCTYPE x SYSTEM "file:///etc/passwd">'), "document type"),
        (live_set("")[:-20], "too early"),
        (live_set("")[:60], "too early"),
        (b"\x1f\x8b" + b"noise" * 10, "unpacked"),
        (gzip.compress(b"noise"), "broken"),
        (gzip.compress(b""), "broken"),
        (gzip.compress(b"<html></html>"), "something else"),
        (gzip.compress(b"<Ableton>"), "broken"),
        (gzip.compress(b"<Ableton>" + b"<a>" * 300 + b"</a>" * 300 + b"</Ableton>"), "deeper"),
        (gzip.compress(b'<Ableton a="' + b"x" * 3 * 1024**2 + b'"/>'), "tag without end"),
        (live_set(track("AudioTrack", "x") * (MOST_TRACKS + 1)), "tracks"),
        (b"<REAPER_PROJECT 0.1\n" + b"<A\n" * 300, "deeper"),
        (REAPER[:-3], "too early"),
        (REAPER + b">\n", "never began"),
    ],
)
def test_what_cannot_be_read_is_refused_with_the_reason(client, content, word):
    answer = client.post("/parse", content=content)
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert word in answer.json()["detail"]


def zip_bomb(unpacked: int) -> bytes:
    packed, packer = io.BytesIO(), zlib.compressobj(9, wbits=31)
    packed.write(packer.compress(b"<Ableton>"))
    for _ in range(unpacked // 1024**2 + 1):
        packed.write(packer.compress(b" " * 1024**2))
    packed.write(packer.flush())
    return packed.getvalue()


def test_a_zip_bomb_is_refused_and_takes_little_memory(client, monkeypatch):
    monkeypatch.setattr(ableton, "LARGEST_XML", 32 * 1024**2)
    bomb = zip_bomb(ableton.LARGEST_XML)
    assert len(bomb) < 64 * 1024
    tracemalloc.start()
    try:
        answer = client.post("/parse", content=bomb)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (answer.status_code, "larger than may be" in answer.json()["detail"]) == (422, True)
    assert peak < 8 * 1024**2


def test_a_file_that_is_none_of_them_or_too_large_is_refused(client):
    assert client.post("/parse", content=b"RIFF....WAVE").status_code == 415
    assert client.post("/parse", content=b"").status_code == 415
    assert client.post("/parse", content=b"x" * (LARGEST_FILE + 1)).status_code == 413


def test_of_too_many_files_at_once_the_last_is_told_to_come_again_and_the_others_are_read(client, monkeypatch):
    parsing, go_on = threading.Semaphore(0), threading.Event()
    real = main.parse

    def slowly(content):
        parsing.release()
        go_on.wait(10)
        return real(content)

    monkeypatch.setattr(main, "parse", slowly)
    statuses = []

    def ask():
        statuses.append(client.post("/parse", content=REAPER).status_code)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for _ in threads:
        assert parsing.acquire(timeout=10)
    refused = client.post("/parse", content=REAPER)
    go_on.set()
    for thread in threads:
        thread.join()
    assert (refused.status_code, refused.headers["retry-after"], statuses) == (503, "2", [200] * 4)


def test_it_is_ready_by_itself(client):
    assert (client.get("/healthz").status_code, client.get("/readyz").status_code) == (200, 200)
