"""The cookie that carries a session's token, and where a token is looked for."""

from fastapi import Request, Response

COOKIE = "stemhub_session"


def set_cookie(response: Response, token: str, seconds: int) -> None:
    response.set_cookie(COOKIE, token, max_age=seconds, httponly=True, secure=True, samesite="lax", path="/")


def clear_cookie(response: Response) -> None:
    response.delete_cookie(COOKIE, httponly=True, secure=True, samesite="lax", path="/")


def presented_token(request: Request) -> str | None:
    """By bearer (the plugin) or by cookie (the web). A bearer wins: it was put there on purpose."""
    scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
    return bearer if scheme.lower() == "bearer" else request.cookies.get(COOKIE)
