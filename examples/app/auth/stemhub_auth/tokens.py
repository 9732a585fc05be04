"""Session tokens by RS256."""

import time
import uuid
from dataclasses import dataclass
from uuid import UUID

import jwt

from .keys import KeyRing
from .settings import Settings


@dataclass(frozen=True)
class Session:
    user: UUID
    jti: str
    expires_at: int
    """Unix seconds."""


class Tokens:
    def __init__(self, settings: Settings, ring: KeyRing) -> None:
        self._settings, self._ring = settings, ring

    def issue(self, user: UUID) -> str | None:
        """None while there is no key to sign with."""
        key = self._ring.signing()
        if key is None:
            return None
        now = int(time.time())
        claims = {
            "iss": self._settings.issuer,
            "aud": self._settings.audience,
            "sub": str(user),
            "jti": uuid.uuid4().hex,
            "iat": now,
            "exp": now + self._settings.token_seconds,
        }
        return jwt.encode(claims, key.private, algorithm="RS256", headers={"kid": key.kid})

    def verify(self, token: str) -> Session:
        """Raises jwt.InvalidTokenError."""
        key = self._ring.find(jwt.get_unverified_header(token).get("kid"))
        if key is None:
            raise jwt.InvalidTokenError("signed by no key of ours")
        claims = jwt.decode(
            token,
            key.private.public_key(),
            algorithms=["RS256"],
            issuer=self._settings.issuer,
            audience=self._settings.audience,
            options={"require": ["iss", "aud", "sub", "jti", "iat", "exp"]},
        )
        return Session(UUID(claims["sub"]), claims["jti"], claims["exp"])
