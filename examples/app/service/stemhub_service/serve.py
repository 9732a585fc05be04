"""How a service runs in a pod: on PORT until SIGTERM, then it ends what it has begun."""

import os

import uvicorn

from .logs import CONFIGURATION

_DRAIN_SECONDS = 30
"""For requests that are running at SIGTERM. Kubernetes must leave the pod longer: terminationGracePeriodSeconds."""


def serve(factory: str) -> None:
    """`factory` names a function that makes the app: `stemhub_api.main:app`."""
    uvicorn.run(
        factory,
        factory=True,
        host="0.0.0.0",
        port=int(os.environ.get("PORT") or 8080),
        log_config=CONFIGURATION,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=_DRAIN_SECONDS,
    )
