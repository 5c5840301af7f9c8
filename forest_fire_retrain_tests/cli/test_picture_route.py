"""The web UI answers with the pictures of a home, with nothing beside them, and with the newest one."""

import asyncio
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from forest_fire_retrain.cli.picture_route import add_pictures
from forest_fire_retrain.defs.picture_files import CHAMPION, PictureFiles, address_of

PNG = b"\x89PNG one"


class Answer(NamedTuple):
    """What a browser gets."""

    status: int
    headers: dict[str, str]
    content: bytes


class Browser(NamedTuple):
    """Asks an application without a network."""

    app: Starlette

    def get(self, path: str, **headers: str) -> Answer:
        """The answer to a request for a path, as it is written."""
        sent: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            await asyncio.Event().wait()  # the browser neither sends nor goes away
            raise AssertionError

        async def send(message: Any) -> None:
            sent.append(message)

        asked = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
        scope = {"type": "http", "method": "GET", "path": path, "root_path": "", "query_string": b"", "headers": asked}
        asyncio.run(self.app(scope, receive, send))
        named = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
        return Answer(sent[0]["status"], named, b"".join(message.get("body", b"") for message in sent))


@pytest.fixture
def browser(tmp_path: Path) -> Browser:
    app = Starlette(routes=[Route("/{page:path}", lambda _: PlainTextResponse("a page"))])
    add_pictures(app, tmp_path / "pictures")
    (tmp_path / "ledger.duckdb").write_text("secret")
    return Browser(app)


def test_a_kept_picture_is_answered_and_stored_once(tmp_path: Path, browser: Browser) -> None:
    files = PictureFiles(tmp_path / "pictures")
    first, second = files.keep(PNG), files.keep(PNG)
    assert first == second
    assert browser.get(str(first.value)).content == PNG
    assert len(list(files.folder.iterdir())) == 1


def test_a_named_picture_is_asked_for_again_and_is_the_newest(tmp_path: Path, browser: Browser) -> None:
    files = PictureFiles(tmp_path / "pictures")
    files.replace(CHAMPION, PNG)
    seen = browser.get(address_of(CHAMPION))
    assert seen.headers["cache-control"] == "no-cache"
    assert browser.get(address_of(CHAMPION), if_none_match=seen.headers["etag"]).status == 304
    files.replace(CHAMPION, PNG + b" and two")
    assert browser.get(address_of(CHAMPION)).content == PNG + b" and two"


@pytest.mark.parametrize("path", ["/pictures/../ledger.duckdb", "/pictures//../ledger.duckdb", "/pictures/no.png"])
def test_nothing_else_of_the_home_is_answered(browser: Browser, path: str) -> None:
    assert browser.get(path).status == 404


def test_pages_stay_where_they_are(browser: Browser) -> None:
    assert browser.get("/overview").content == b"a page"
