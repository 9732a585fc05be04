"""Which key signs, and which are published, while keys come and go."""

import logging

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat

from stemhub_auth.keys import PUBLISH_SECONDS, KeyRing
from testing.keys import rsa_key

from .conftest import write_key


def kids(ring: KeyRing) -> list[str]:
    return [each["kid"] for each in ring.published()]


def test_the_only_key_signs_at_once(folder, clock):
    ring = KeyRing(folder, clock)
    assert [ring.signing().kid] == kids(ring)


def test_a_new_key_is_published_before_it_signs_and_the_old_one_stays_published(folder, clock):
    ring = KeyRing(folder, clock)
    (old,) = kids(ring)
    clock.passes(PUBLISH_SECONDS)
    write_key(folder, "2026-02.pem")
    clock.passes(10)
    assert ring.signing().kid == old
    assert kids(ring)[0] == old
    (new,) = kids(ring)[1:]

    clock.passes(PUBLISH_SECONDS - 1)
    assert ring.signing().kid == old
    clock.passes(1)
    assert ring.signing().kid == new
    assert kids(ring) == [old, new]


def test_a_replica_that_was_just_started_signs_with_what_every_verifier_has(folder, clock):
    write_key(folder, "2026-02.pem")
    started = KeyRing(folder, clock)
    assert started.signing().kid == kids(started)[0]


def test_a_key_that_is_removed_is_gone_at_once_and_the_other_signs(folder, clock):
    write_key(folder, "2026-02.pem")
    ring = KeyRing(folder, clock)
    old, new = kids(ring)
    (folder / "2026-01.pem").unlink()
    clock.passes(10)
    assert (kids(ring), ring.signing().kid, ring.find(old)) == ([new], new, None)


def test_the_same_key_has_the_same_name_in_every_replica_and_nothing_private_is_published(folder, clock):
    first, second = KeyRing(folder, clock), KeyRing(folder, clock)
    assert first.published() == second.published()
    assert set(first.published()[0]) == {"kty", "use", "alg", "kid", "n", "e"}


def test_what_is_no_key_is_left_out_and_named_without_its_content(folder, clock, caplog):
    caplog.set_level(logging.WARNING)
    (folder / "noise.pem").write_text("-----BEGIN s3cret")
    write_key(folder, "short.pem", rsa_key(1024))
    write_key(folder, "curve.pem", ec.generate_private_key(ec.SECP256R1()))
    locked = rsa_key().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"x"))
    (folder / "locked.pem").write_bytes(locked)
    ring = KeyRing(folder, clock)
    assert len(kids(ring)) == 1
    assert {record.file for record in caplog.records} == {"noise.pem", "short.pem", "curve.pem", "locked.pem"}
    assert "s3cret" not in caplog.text


def test_a_file_that_was_half_written_counts_once_it_is_whole(folder, clock):
    ring = KeyRing(folder, clock)
    (folder / "2026-02.pem").write_text("-----BEGIN PRIVATE KEY-----\n")
    assert len(kids(ring)) == 1
    write_key(folder, "2026-02.pem")
    clock.passes(10)
    assert len(kids(ring)) == 2
