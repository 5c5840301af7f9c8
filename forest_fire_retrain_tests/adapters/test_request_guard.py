"""Only the own pages, and programs, reach what is guarded; every other request is refused with one line."""

import asyncio
from typing import Any, NamedTuple

import pytest

from forest_fire_retrain.adapters.request_guard import RequestGuard, own_names

HOME = "127.0.0.1:3000"
JSON = ("content-type", "application/json")


class Answer(NamedTuple):
    """What came back, and whether the guarded application was asked."""

    status: int
    text: str
    reached: bool
    headers: list[tuple[bytes, bytes]]


def ask(method: str, path: str = "/graphql", *headers: tuple[str, str], host: str | None = HOME) -> Answer:
    """Send one request through a guard of a server on 127.0.0.1:3000 that a proxy calls fires.example.org."""
    given = [*([] if host is None else [("host", host)]), *headers]
    scope = {
        "type": "http" if method != "SOCKET" else "websocket",
        "method": method,
        "path": path,
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in given],
    }
    sent: list[dict[str, Any]] = []
    reached: list[bool] = []

    async def application(_scope: Any, _receive: Any, send: Any) -> None:
        reached.append(True)
        if method != "SOCKET":
            await send({"type": "http.response.start", "status": 200, "headers": []})

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b""}

    async def send(message: Any) -> None:
        sent.append(message)

    guard = RequestGuard(application, own_names("127.0.0.1", 3000, ("fires.example.org", "fires.example.org:8443")))
    asyncio.run(guard(scope, receive, send))
    started = sent[0] if sent else {}
    text = started.get("reason") or b"".join(message.get("body", b"") for message in sent).decode()
    return Answer(started.get("status", 0), text, bool(reached), started.get("headers", []))


@pytest.mark.parametrize("host", [HOME, "localhost:3000", "LOCALHOST:3000", "[::1]:3000", "fires.example.org"])
def test_a_page_is_shown_under_every_own_name(host: str) -> None:
    assert ask("GET", "/runs", host=host).status == 200


@pytest.mark.parametrize(
    "host",
    [None, "", "evil.example", "evil.example:3000", "127.0.0.1", "127.0.0.1:3001", "localhost:3000.evil.example"],
)
@pytest.mark.parametrize("method", ["GET", "POST", "SOCKET"])
def test_a_name_that_is_not_its_own_reaches_nothing(method: str, host: str | None) -> None:
    refused = ask(method, "/graphql", JSON, host=host)
    assert not refused.reached
    assert refused.status in (403, 0)
    assert "FOREST_FIRE_SERVED_NAMES" in refused.text


def test_two_names_at_once_reach_nothing() -> None:
    assert not ask("POST", "/graphql", JSON, ("host", "evil.example")).reached


@pytest.mark.parametrize(
    "origin",
    [
        *("http://evil.example", "null", "", "http://127.0.0.1:5000", "http://localhost", "file://", "http://[::1"),
        *("http://127.0.0.1:3000.evil.example", "http://127.0.0.1:3000@evil.example", "ftp://127.0.0.1:3000"),
        *("http://evil.example/127.0.0.1:3000", "http://fires.example.org:8444", "http://x@127.0.0.1:3000"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "SOCKET", "OPTIONS"])
def test_another_page_reaches_nothing(method: str, origin: str) -> None:
    refused = ask(method, "/graphql", JSON, ("accept", "text/html"), ("origin", origin))
    assert not refused.reached
    assert refused.text.startswith("refused: a page of ")


@pytest.mark.parametrize(
    "origin",
    [
        *("http://127.0.0.1:3000", "http://localhost:3000", "http://[::1]:3000"),
        *("https://fires.example.org", "https://fires.example.org:443", "https://FIRES.example.org:8443"),
    ],
)
@pytest.mark.parametrize("method", ["POST", "SOCKET"])
def test_the_own_pages_reach_everything(method: str, origin: str) -> None:
    assert ask(method, "/graphql", JSON, ("origin", origin), ("sec-fetch-site", "same-origin")).reached


@pytest.mark.parametrize("method", ["POST", "SOCKET"])
def test_a_program_needs_no_origin(method: str) -> None:
    assert ask(method, "/graphql", JSON).reached


@pytest.mark.parametrize(
    "media",
    [
        *("text/plain", "text/plain; x=application/json", "application/x-www-form-urlencoded", "multipart/form-data"),
        *("application/graphql", "application/jsonp", "", "application/json; x=y", "application/json, text/plain"),
    ],
)
@pytest.mark.parametrize("path", ["/graphql", "/report_asset_materialization/weather"])
def test_what_a_form_can_send_is_refused(path: str, media: str) -> None:
    refused = ask("POST", path, ("content-type", media))
    assert (refused.status, refused.reached) == (415, False)


def test_two_media_types_or_none_are_refused() -> None:
    assert not ask("POST", "/graphql").reached
    assert not ask("POST", "/graphql", JSON, ("content-type", "text/plain")).reached


@pytest.mark.parametrize("media", ["application/json", "Application/JSON", "application/json; charset=utf-8"])
def test_json_is_passed_on(media: str) -> None:
    assert ask("POST", "/graphql", ("content-type", media)).reached


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_graphql_is_not_asked_by_reading(method: str) -> None:
    assert ask(method, "/graphql", ("accept", "application/json")).status == 403
    assert ask(method, "/graphql").status == 403
    assert ask("GET", "/graphql", ("accept", "text/html,*/*")).reached  # Dagster's page for people, whatever is asked


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_another_site_sends_nothing_even_without_an_origin(site: str) -> None:
    assert ask("POST", "/graphql", JSON, ("sec-fetch-site", site)).status == 403
    assert ask("GET", "/runs", ("sec-fetch-site", site), ("sec-fetch-mode", "navigate")).reached  # a link leads here


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"])
def test_no_other_method_is_passed_on(method: str) -> None:
    assert ask(method, "/runs", JSON).status == 405


def test_no_other_page_shows_it_in_a_frame() -> None:
    assert ask("GET", "/runs", ("sec-fetch-dest", "iframe"), ("sec-fetch-site", "cross-site")).status == 403
    headers = ask("GET", "/runs").headers
    assert (b"x-frame-options", b"SAMEORIGIN") in headers
    assert (b"content-security-policy", b"frame-ancestors 'self'") in headers


def test_control_characters_of_a_stranger_do_not_reach_the_terminal() -> None:
    assert "\x1b" not in ask("GET", "/runs", host="evil\x1b[2J").text


def test_a_server_on_the_port_of_http_needs_no_port_in_its_name() -> None:
    assert "localhost" in own_names("10.0.0.5", 80)
    assert "10.0.0.5" in own_names("10.0.0.5", 80)
    assert "[fd00::1]:3000" in own_names("fd00::1", 3000)
