"""Passwords, as Argon2id digests."""

import anyio
from anyio.to_thread import run_sync
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

# OWASP's figures for Argon2id. With _AT_ONCE they bound what sign-ins take: 76 MiB of a pod's memory, four threads.
_hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
_AT_ONCE = anyio.CapacityLimiter(4)
# Compared with when there is no such user, so that an answer's time does not tell who has an account.
_NOBODY = _hasher.hash("nobody")


async def hash_password(password: str) -> str:
    return await run_sync(_hasher.hash, password, limiter=_AT_ONCE)


async def verify_password(stored: str | None, password: str) -> bool:
    """Takes as long for a user that is not there (None) as for one that is."""

    def verify() -> bool:
        try:
            return _hasher.verify(stored or _NOBODY, password) and stored is not None
        except (VerificationError, InvalidHashError):
            return False

    return await run_sync(verify, limiter=_AT_ONCE)
