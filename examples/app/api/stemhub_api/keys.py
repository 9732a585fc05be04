"""Public keys of others: of the sign-in service and of the write queue."""

import asyncio
import json
import logging
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import urllib3
from anyio import fail_after
from anyio.to_thread import run_sync
from jwt import PyJWK
from jwt.exceptions import PyJWTError

from stemhub_service.problems import Problem

Source = Callable[[], bytes]

_log = logging.getLogger(__name__)

_FRESH_SECONDS = 300
"""A set that is older is asked for again: a key that its issuer took back is honoured no longer than this."""
_PAUSE_SECONDS = 10
"""Between two attempts: neither an outage nor made-up kids make more of them."""
_LOAD_SECONDS = 3
_LARGEST = 64 * 1024
"""Bytes of a key set. One of RSA keys has some 400 a key."""

_KINDS = {"RS256": "RSA", "EdDSA": "OKP"}

_http = urllib3.PoolManager(timeout=urllib3.Timeout(connect=1, read=2), retries=False)


class KeysUnknown(Problem):
    """No source has answered yet: nobody can be told that their token is bad."""

    def __init__(self) -> None:
        super().__init__(503, "Who you are cannot be checked right now. Try again in a moment.", {"Retry-After": "5"})


class KeySet:
    """An issuer's keys for one algorithm (RS256 or EdDSA), by kid.

    Guarantees: while no source answers, the last good set stays; a kid that is not known asks the sources again, so
    that a rotation is followed at once; a known one never waits for them.
    """

    def __init__(self, algorithm: str, sources: Sequence[Source]) -> None:
        """The first source that answers with a key counts: a later one may be older."""
        self._algorithm, self._sources = algorithm, sources
        self._keys: dict[str, PyJWK] = {}
        self._loaded_at = self._next_attempt_at = 0.0
        self._loading = asyncio.Lock()
        self._refreshing: asyncio.Task[None] | None = None

    async def find(self, kid: object) -> PyJWK | None:
        """None: the issuer has no such key. Raises KeysUnknown when no set was ever loaded."""
        key = self._keys.get(kid) if isinstance(kid, str) else None
        if key is None:
            await self._load()
            if not self._keys:
                raise KeysUnknown
            return self._keys.get(kid) if isinstance(kid, str) else None
        if time.monotonic() - self._loaded_at > _FRESH_SECONDS and (
            self._refreshing is None or self._refreshing.done()
        ):
            self._refreshing = asyncio.create_task(self._load())
        return key

    async def _load(self) -> None:
        async with self._loading:
            if time.monotonic() < self._next_attempt_at:
                return
            self._next_attempt_at = time.monotonic() + _PAUSE_SECONDS
            for source in self._sources:
                try:
                    with fail_after(_LOAD_SECONDS):
                        keys = self._parse(await run_sync(source, abandon_on_cancel=True))
                except (OSError, ValueError, TimeoutError, urllib3.exceptions.HTTPError) as error:
                    _log.warning("a key set cannot be read", extra={"reason": type(error).__name__})
                    continue
                if keys:
                    self._keys, self._loaded_at = keys, time.monotonic()
                    return

    def _parse(self, text: bytes) -> dict[str, PyJWK]:
        """Those for this algorithm. A key of another kind, or one that is broken, spoils none of the others."""
        document = json.loads(text)
        listed = document.get("keys") if isinstance(document, dict) else None
        keys: dict[str, PyJWK] = {}
        for each in listed if isinstance(listed, list) else []:
            if not isinstance(each, dict) or each.get("kty") != _KINDS[self._algorithm]:
                continue
            if not isinstance(each.get("kid"), str) or each.get("use", "sig") != "sig":
                continue
            try:
                keys[each["kid"]] = PyJWK(each, algorithm=self._algorithm)
            except PyJWTError as error:
                _log.warning("a key of a set is no key", extra={"kid": each["kid"], "reason": type(error).__name__})
        return keys


def from_url(url: str) -> Source:
    def load() -> bytes:
        answer = _http.request("GET", url, redirect=False, preload_content=False)
        try:
            if answer.status != 200:
                raise OSError(f"answered {answer.status}")
            return _bounded(answer.read(_LARGEST + 1))
        finally:
            answer.release_conn()

    return load


def from_file(path: str) -> Source:
    """Read again each time: a mounted ConfigMap changes under its path."""
    return lambda: _bounded(Path(path).read_bytes())


def from_text(text: str) -> Source:
    return lambda: text.encode()


def _bounded(text: bytes) -> bytes:
    if len(text) > _LARGEST:
        raise ValueError("larger than a key set may be")
    return text
