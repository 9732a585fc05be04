"""Ports and waiting."""

import socket
import time
from collections.abc import Callable

import httpx2


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def until(true: Callable[[], object], seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, f"not true within {seconds} s"
        time.sleep(0.05)


def answers(url: str) -> bool:
    """Whether somebody serves HTTP there, with whatever status below 500."""
    try:
        return httpx2.get(url).status_code < 500
    except httpx2.TransportError:
        return False
