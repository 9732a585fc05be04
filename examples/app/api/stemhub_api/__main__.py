"""`python -m stemhub_api`: serves on PORT until SIGTERM, then ends what it has begun."""

import os

import uvicorn

from .logs import CONFIGURATION

_DRAIN_SECONDS = 30
"""For requests that are running at SIGTERM. Kubernetes must leave the pod longer: terminationGracePeriodSeconds."""

uvicorn.run(
    "stemhub_api.main:app",
    factory=True,
    host="0.0.0.0",
    port=int(os.environ.get("PORT") or 8080),
    log_config=CONFIGURATION,
    access_log=False,
    server_header=False,
    timeout_graceful_shutdown=_DRAIN_SECONDS,
)
