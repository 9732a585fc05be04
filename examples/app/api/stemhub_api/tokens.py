"""Session tokens: our own by HS256, and those of the sign-in service by RS256."""

import time
import uuid
from uuid import UUID

import jwt

from .keys import KeySet, from_file, from_url
from .settings import Settings


class Tokens:
    """Issues and verifies. Both issuers speak of the same users: a `sub` means the same from either."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        sources = []
        if settings.auth_jwks_url:
            sources.append(from_url(settings.auth_jwks_url))
        if settings.auth_jwks_file:
            sources.append(from_file(settings.auth_jwks_file))
        self._auth_keys = KeySet("RS256", sources) if sources else None

    @property
    def issuers(self) -> frozenset[str]:
        """Those whose users are ours."""
        return frozenset({self._settings.jwt_issuer} | ({self._settings.auth_issuer} if self._auth_keys else set()))

    def issue(self, user: UUID) -> str:
        now = int(time.time())
        claims = {
            "iss": self._settings.jwt_issuer,
            "aud": self._settings.jwt_audience,
            "sub": str(user),
            "jti": uuid.uuid4().hex,
            "iat": now,
            "exp": now + self._settings.token_seconds,
        }
        return jwt.encode(claims, self._settings.jwt_secret, algorithm="HS256")

    async def verify(self, token: str) -> UUID:
        """Whose it is. Raises jwt.InvalidTokenError, and KeysUnknown while the sign-in service's keys are not known."""
        header = jwt.get_unverified_header(token)
        # The header chooses among pairs of algorithm and key, never one without the other: else a public key could be
        # passed off as the secret of an HMAC.
        match header.get("alg"):
            case "HS256" as algorithm:
                key, issuer = self._settings.jwt_secret, self._settings.jwt_issuer
            case "RS256" as algorithm if self._auth_keys:
                key, issuer = await self._auth_keys.find(header.get("kid")), self._settings.auth_issuer
            case _:
                raise jwt.InvalidAlgorithmError("not an algorithm that is used here")
        if key is None:
            raise jwt.InvalidTokenError("signed by no key of its issuer")
        claims = jwt.decode(
            token,
            key,
            algorithms=[algorithm],
            issuer=issuer,
            audience=self._settings.jwt_audience,
            options={"require": ["iss", "aud", "sub", "exp"]},
        )
        return user_of(claims["sub"])


def user_of(subject: object) -> UUID:
    """Raises jwt.InvalidTokenError for what names no user."""
    try:
        return UUID(str(subject))
    except ValueError as error:
        raise jwt.InvalidTokenError("sub is no user's id") from error
