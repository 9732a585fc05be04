"""Everything that is set from outside, read once at start."""

import os
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Storage:
    """The object storage. Artifacts are refused with 503 where it is not configured."""

    endpoint: str
    bucket: str
    region: str
    access_key_id: str = field(repr=False)
    secret_access_key: str = field(repr=False)
    ca_file: str | None


@dataclass(frozen=True)
class Settings:
    database_url: str = field(repr=False)
    """Where writes go, and reads that must see them."""
    database_read_url: str | None = field(repr=False)
    """Replicas, for reads that may be a moment behind; None: reads go to database_url."""
    jwt_secret: str = field(repr=False)
    storage: Storage | None
    token_seconds: int = 8 * 3600
    jwt_issuer: str = "stemhub-api"
    """`iss` of the tokens that are issued here."""
    jwt_audience: str = "stemhub"
    """`aud` of every session token, whoever issued it."""
    auth_issuer: str = "stemhub-auth"
    auth_jwks_url: str | None = None
    """Where the sign-in service publishes its keys; None: its tokens are not taken."""
    auth_jwks_file: str | None = None
    """Its keys as they were last known, for a process that starts while the service is away."""
    component: str = "api"
    """What the platform calls this service: the audience of the write queue's assertions."""
    queue_jwks_file: str | None = None
    queue_jwks: str | None = None
    """Public keys of the write queue, as a file that may change or as text. Without: nothing is replayed here."""
    dawparser_url: str | None = None
    """Who reads tempo and tracks from a DAW's file; None: files are stored and listed without."""


def read_settings(env: dict[str, str] | None = None) -> Settings:
    """Raises SystemExit with the name of what is missing: half a configuration must not start."""
    env = dict(os.environ) if env is None else env

    def required(name: str) -> str:
        value = env.get(name, "")
        if not value:
            raise SystemExit(f"{name} is not set")
        return value

    secret = required("JWT_SECRET")
    if len(secret) < 32:
        raise SystemExit("JWT_SECRET is shorter than 32 characters, which HS256 needs")
    storage = None
    if env.get("S3_ENDPOINT"):
        storage = Storage(
            endpoint=env["S3_ENDPOINT"],
            bucket=required("S3_BUCKET"),
            region=env.get("S3_REGION") or "auto",
            access_key_id=required("S3_ACCESS_KEY_ID"),
            secret_access_key=required("S3_SECRET_ACCESS_KEY"),
            ca_file=env.get("S3_CA_FILE") or None,
        )
    return Settings(
        database_url=required("DATABASE_URL"),
        database_read_url=env.get("DATABASE_READ_URL") or None,
        jwt_secret=secret,
        storage=storage,
        jwt_issuer=env.get("JWT_ISSUER") or Settings.jwt_issuer,
        jwt_audience=env.get("JWT_AUDIENCE") or Settings.jwt_audience,
        auth_issuer=env.get("AUTH_ISSUER") or Settings.auth_issuer,
        auth_jwks_url=env.get("AUTH_JWKS_URL") or None,
        auth_jwks_file=env.get("AUTH_JWKS_FILE") or None,
        component=env.get("COMPONENT") or Settings.component,
        queue_jwks_file=env.get("QUEUE_JWKS_FILE") or None,
        queue_jwks=env.get("QUEUE_JWKS") or None,
        dawparser_url=env.get("DAWPARSER_URL") or None,
    )
