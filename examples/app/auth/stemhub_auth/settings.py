"""Everything that is set from outside, read once at start."""

import os
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Settings:
    database_url: str = field(repr=False)
    """Where the api's sign-up writes users, and where this service writes what it revokes."""
    keys: Path
    """A folder of RSA private keys, `NAME.pem`: a Secret that all replicas mount. See keys.py."""
    issuer: str = "stemhub-auth"
    audience: str = "stemhub"
    token_seconds: int = 8 * 3600


def read_settings(env: dict[str, str] | None = None) -> Settings:
    """Raises SystemExit with the name of what is missing: half a configuration must not start."""
    env = dict(os.environ) if env is None else env

    def required(name: str) -> str:
        value = env.get(name, "")
        if not value:
            raise SystemExit(f"{name} is not set")
        return value

    return Settings(
        database_url=required("DATABASE_URL"),
        keys=Path(required("AUTH_KEYS")),
        issuer=env.get("AUTH_ISSUER") or Settings.issuer,
        audience=env.get("JWT_AUDIENCE") or Settings.audience,
    )
