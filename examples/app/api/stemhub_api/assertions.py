"""The write queue's word on whose change it replays: `X-StemHub-Assertion`.

A JWT by EdDSA that ends within a minute and speaks of one request: its audience is this component, its `key` the
request's Idempotency-Key, its `bsh` the base64url SHA-256 of the body. Whoever copies one can only repeat that request,
which its key makes harmless.
"""

import base64
import hashlib
import hmac
import time
from uuid import UUID

import jwt
from fastapi import Request

from stemhub_service.problems import Problem

from .idempotency import KEY_HEADER
from .keys import KeySet, KeysUnknown, from_file, from_text
from .settings import Settings
from .tokens import user_of

HEADER = "X-StemHub-Assertion"
_ISSUER = "stemhub-queue"
_LONGEST_SECONDS = 60
_SKEW_SECONDS = 5
"""How far the queue's clock and ours may differ."""


class Assertions:
    def __init__(self, settings: Settings, issuers: frozenset[str]) -> None:
        """`issuers`: whose users are ours. A queue vouches for users of any issuer that its gateway accepts."""
        self._component, self._issuers = settings.component, issuers
        sources = []
        if settings.queue_jwks_file:
            sources.append(from_file(settings.queue_jwks_file))
        if settings.queue_jwks:
            sources.append(from_text(settings.queue_jwks))
        self._keys = KeySet("EdDSA", sources)

    async def verify(self, assertion: str, request: Request) -> UUID:
        """Whose change the request is.

        Raises Problem: 401 for what is no assertion of this request, and 503 while it cannot be told, so that the queue
        tries again: a new key may reach it sooner than us.
        """
        try:
            header = jwt.get_unverified_header(assertion)
            if header.get("alg") != "EdDSA":
                raise jwt.InvalidAlgorithmError("not EdDSA")
            key = await self._keys.find(header.get("kid"))
            if key is None:
                raise KeysUnknown
            claims = jwt.decode(
                assertion,
                key,
                algorithms=["EdDSA"],
                issuer=_ISSUER,
                audience=self._component,
                leeway=_SKEW_SECONDS,
                options={"require": ["iss", "aud", "sub", "exp", "user_iss", "key", "bsh"]},
            )
            if claims["exp"] > time.time() + _LONGEST_SECONDS + _SKEW_SECONDS:
                raise jwt.InvalidTokenError("it lasts too long")
            if claims["user_iss"] not in self._issuers:
                raise jwt.InvalidIssuerError("of a user of somebody else")
            if not _same(claims["key"], request.headers.get(KEY_HEADER)):
                raise jwt.InvalidTokenError("of another key")
            if not _same(claims["bsh"], _digest(await request.body())):
                raise jwt.InvalidTokenError("of another body")
            # Said by queues that know of them: which request it is for.
            if not _same(claims.get("htm", request.method), request.method):
                raise jwt.InvalidTokenError("of another method")
            if not _same(claims.get("htu", here := _path_and_query(request)), here):
                raise jwt.InvalidTokenError("of another path")
            return user_of(claims["sub"])
        except jwt.InvalidTokenError as error:
            raise Problem(401, f"The queue's assertion does not hold for this request: {error}.") from error


def _path_and_query(request: Request) -> str:
    url = request.url
    return f"{url.path}?{url.query}" if url.query else url.path


def _digest(body: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(body).digest()).rstrip(b"=").decode()


def _same(claimed: object, actual: str | None) -> bool:
    return isinstance(claimed, str) and actual is not None and hmac.compare_digest(claimed.encode(), actual.encode())
