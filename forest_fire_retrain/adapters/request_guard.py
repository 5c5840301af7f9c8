"""Keep a web interface to the pages that it serves itself: what another page sends in a person's browser is refused.

It stands before a whole ASGI application, sees a request's headers and path, and nothing of its body.

Rules
-----
- A request names the server by a name of its own, exactly as a browser's address line has it; so a foreign name that
  was led to this machine (DNS rebinding) reaches nothing.
- What comes with the origin of another page is refused, web sockets included. A browser sends the origin with all but
  plain reading, and a page cannot change it. Programs send none.
- Reading is GET or HEAD. Everything else is a POST of `application/json`, which no form and no page of another origin
  can send without asking first, and asking is refused.
- GraphQL is asked by POST alone: by GET, Dagster would execute a mutation. Its page for people stays.
- No other page may show this one in a frame, where a click could be led to a button.
"""

import re
from collections.abc import Iterable
from http import HTTPStatus
from typing import NamedTuple
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
ONE_MEDIA_TYPE = re.compile(r'application/json[ \t]*(;[ \t]*charset="?utf-8"?[ \t]*)?', re.IGNORECASE)
OWN_SITES = frozenset({"same-origin", "none"})
FRAMED = frozenset({"frame", "iframe", "embed", "object", "fencedframe"})
READING = frozenset({"GET", "HEAD"})
DEFAULT_PORTS = {"http": "80", "https": "443"}
NAMES_SETTING = "FOREST_FIRE_SERVED_NAMES"
POLICY_VIOLATED = 1008  # RFC 6455, 7.4.1


class Refusal(NamedTuple):
    """Why a request is not passed on."""

    status: HTTPStatus
    sentence: str


class RequestGuard:
    """An ASGI application that passes on to `app` what its own pages and programs send, and refuses the rest.

    Parameters
    ----------
    app : ASGI application
        What is guarded.
    names : iterable of str
        Every name by which browsers reach it, with the port where it is not the scheme's own: `localhost:3000`.
    """

    def __init__(self, app: ASGIApp, names: Iterable[str]) -> None:
        self._app = app
        self._names = frozenset(name.lower() for name in names)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it with one line."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        refusal = judge(scope, self._names)
        if refusal is None:
            await self._app(scope, receive, _unframed(send))
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": POLICY_VIOLATED, "reason": refusal.sentence})
        else:
            await PlainTextResponse(f"{refusal.sentence}\n", refusal.status)(scope, receive, send)


def own_names(host: str, port: int, others: Iterable[str] = ()) -> frozenset[str]:
    """Names of a server that listens on `host` and `port`, and the `others` that a proxy gives it."""
    bracketed = f"[{host}]" if ":" in host and not host.startswith("[") else host
    here = {f"{name}:{port}".removesuffix(":80") for name in (*LOOPBACK, bracketed)}
    return frozenset(name.lower() for name in (*here, *others))


def judge(scope: Scope, names: frozenset[str]) -> Refusal | None:
    """Why the request is refused; none if it is passed on."""
    headers = Headers(scope=scope)
    refusal = _judge_host(headers, names) or _judge_origin(headers, names)
    if refusal is not None or scope["type"] == "websocket":
        return refusal
    judge_use = _judge_reading if scope["method"] in READING else _judge_sending
    return _judge_frame(headers) or judge_use(scope, headers)


def _judge_host(headers: Headers, names: frozenset[str]) -> Refusal | None:
    given = headers.getlist("host")
    if len(given) == 1 and given[0].lower() in names:
        return None
    shown = ascii(", ".join(given))
    return _forbid(f"this server is not called {shown}; if it is, add the name to {NAMES_SETTING}")


def _judge_origin(headers: Headers, names: frozenset[str]) -> Refusal | None:
    foreign = [origin for origin in headers.getlist("origin") if _name_in(origin) not in names]
    if not foreign:
        return None
    return _forbid(f"a page of {foreign[0]!a} asked for this; only the server's own pages may")


def _judge_frame(headers: Headers) -> Refusal | None:
    if headers.get("sec-fetch-dest") in FRAMED and headers.get("sec-fetch-site") not in OWN_SITES:
        return _forbid("a page of another origin wants to show this in a frame")
    return None


def _judge_reading(scope: Scope, headers: Headers) -> Refusal | None:
    is_page_for_people = scope["method"] == "GET" and "text/html" in headers.get("accept", "")
    if scope["path"] == "/graphql" and not is_page_for_people:
        return _forbid("GraphQL is asked by POST with application/json")
    return None


def _judge_sending(scope: Scope, headers: Headers) -> Refusal | None:
    if scope["method"] != "POST":
        return Refusal(HTTPStatus.METHOD_NOT_ALLOWED, f"refused: {scope['method']!a} is not used here")
    if headers.get("sec-fetch-site", "none") not in OWN_SITES:
        return _forbid("a page of another origin sent this")
    given = headers.getlist("content-type")
    if len(given) == 1 and ONE_MEDIA_TYPE.fullmatch(given[0].strip()):
        return None
    return Refusal(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "refused: what is sent here has to be application/json")


def _name_in(origin: str) -> str | None:
    """The name with its port, as an address line shows it; none for an origin that has no name."""
    try:
        parts = urlsplit(origin.lower())
    except ValueError:
        return None
    if parts.scheme not in DEFAULT_PORTS or f"{parts.scheme}://{parts.netloc}" != origin.lower():
        return None
    return parts.netloc.removesuffix(f":{DEFAULT_PORTS[parts.scheme]}")


def _forbid(sentence: str) -> Refusal:
    return Refusal(HTTPStatus.FORBIDDEN, f"refused: {sentence}")


def _unframed(send: Send) -> Send:
    async def add_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers["X-Frame-Options"] = "SAMEORIGIN"
            headers.append("Content-Security-Policy", "frame-ancestors 'self'")
        await send(message)

    return add_headers
