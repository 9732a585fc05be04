"""The keys that sign, and when each does.

They are files in a folder that all replicas mount, as of a Secret. To rotate: add a file whose name sorts last. Each
replica publishes it as soon as it sees it, and signs with it PUBLISH_SECONDS later, when every verifier has had time
to fetch it from any replica. Remove the former one when its last token has ended. To take back a key that leaked,
remove it at once: its tokens end with it.
"""

import base64
import hashlib
import json
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from jwt.algorithms import RSAAlgorithm

_log = logging.getLogger(__name__)

PUBLISH_SECONDS = 300
"""From publishing to signing: some 90 s until kubelets have updated a mounted Secret on each node, and the time for
which verifiers keep a key set (JWKS_SECONDS here, up to minutes elsewhere)."""
_RELOAD_SECONDS = 5
_SMALLEST_BITS = 2048


@dataclass(frozen=True)
class Key:
    kid: str
    private: RSAPrivateKey
    public: dict[str, str]
    """As in a key set (RFC 7517)."""
    seen_at: float
    """When this process began to publish it, by its clock."""


class KeyRing:
    """Guarantees: a key is published before it signs; whatever is unreadable spoils no other key."""

    def __init__(self, folder: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._folder, self._clock = folder, clock
        self._keys: dict[str, Key] = {}
        self._contents: dict[str, bytes] = {}
        self._loaded_at: float | None = None

    def published(self) -> list[dict[str, str]]:
        return [key.public for key in self._load()]

    def signing(self) -> Key | None:
        """The last by name that was published for long enough; while there is none, the first. None without any key."""
        keys = self._load()
        ripe = [key for key in keys if self._clock() - key.seen_at >= PUBLISH_SECONDS]
        return ripe[-1] if ripe else keys[0] if keys else None

    def find(self, kid: object) -> Key | None:
        return next((key for key in self._load() if key.kid == kid), None)

    def _load(self) -> list[Key]:
        now = self._clock()
        if self._loaded_at is None or now - self._loaded_at >= _RELOAD_SECONDS:
            self._loaded_at = now
            self._read_folder(now)
        return [self._keys[name] for name in sorted(self._keys)]

    def _read_folder(self, now: float) -> None:
        contents: dict[str, bytes] = {}
        for path in self._folder.glob("*.pem"):
            try:
                contents[path.name] = path.read_bytes()
            except OSError as error:
                _log.warning("a key cannot be read", extra={"file": path.name, "reason": type(error).__name__})
        for name in self._contents.keys() - contents.keys():
            self._keys.pop(name, None)
        for name, content in contents.items():
            if self._contents.get(name) == content:
                continue
            self._keys.pop(name, None)
            try:
                self._keys[name] = _key(content, now)
            except (ValueError, TypeError) as error:
                _log.warning("a file is no key that signs", extra={"file": name, "reason": type(error).__name__})
        self._contents = contents


def _key(pem: bytes, seen_at: float) -> Key:
    """Raises ValueError or TypeError for what is no RSA key of at least 2048 bits without a password."""
    private = load_pem_private_key(pem, password=None)
    if not isinstance(private, RSAPrivateKey) or private.key_size < _SMALLEST_BITS:
        raise ValueError("not an RSA key of 2048 bits or more")
    numbers = RSAAlgorithm.to_jwk(private.public_key(), as_dict=True)
    kid = _thumbprint(numbers)
    public = {"kty": "RSA", "use": "sig", "alg": "RS256", "kid": kid, "n": numbers["n"], "e": numbers["e"]}
    return Key(kid, private, public, seen_at)


def _thumbprint(numbers: dict[str, str]) -> str:
    """RFC 7638: the same key has the same name in every replica."""
    text = json.dumps({"e": numbers["e"], "kty": "RSA", "n": numbers["n"]}, separators=(",", ":"))
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
