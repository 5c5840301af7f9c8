"""A page of another origin, open in the operator's browser, tries to press Dagster's buttons.

What it sends is a harmless change that is seen afterwards: a limit for a key that nothing uses, one key a way. The same
page is shown to Dagster's own web server too, where it succeeds: what is refused is refused by the guard.
"""

import http.server
import json
import os
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from forest_fire_retrain_tests.browser.served import (
    BROWSER,
    DRIVER,
    Served,
    free_port,
    open_browser,
    page_text,
    serve,
    visit,
)

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(BROWSER is None or DRIVER is None, reason="needs chromium and chromedriver"),
]
STRANGER = "stranger.example"
WAYS = ("fetch", "form", "get", "socket")
CHANGE = 'mutation { setConcurrencyLimit(concurrencyKey: "KEY", limit: 1) }'
LIMITS = "{ instance { concurrencyLimits { concurrencyKey } } }"
PAGE = """<!doctype html><title>a page of somebody else</title><p id=said>working</p>
<form id=form method=post enctype=text/plain target=hole
 action="%(target)s/graphql?query=%(form)s"><input name=a></form>
<iframe name=hole></iframe><iframe name=shown src="%(target)s/runs"></iframe>
<img src="%(target)s/graphql?query=%(get)s">
<script>
const done = [];
done.push(fetch("%(target)s/graphql", {method: "POST", mode: "no-cors",
  headers: {"Content-Type": "text/plain; x=application/json"}, body: JSON.stringify({query: %(fetch)s})})
  .catch(() => null));
document.getElementById("form").submit();
done.push(new Promise(resolve => {
  const socket = new WebSocket("%(target)s/graphql".replace("http", "ws"), "graphql-ws");
  socket.onopen = () => { document.title = "socket open"; resolve(); };
  socket.onerror = resolve;
}));
Promise.all(done).then(() => setTimeout(() => document.getElementById("said").textContent = "tried all", 3000));
</script>"""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    home = tmp_path_factory.mktemp("served") / "home"
    small = {"FOREST_FIRE_UP_PERIODS": "1", "FOREST_FIRE_RECIPE_NAMES": '["logistic"]'}
    with serve(home, **small) as running:
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[webdriver.Chrome]:
    with open_browser(1700, 1000, f"--host-resolver-rules=MAP {STRANGER} 127.0.0.1") as opened:
        yield opened


@pytest.fixture
def unguarded(served: Served) -> Iterator[str]:
    """Dagster's own web server on the same home."""
    port = free_port()
    home = served.home / "dagster"
    words = ("dagster_webserver", "--empty-workspace", "--host", "127.0.0.1", "--port", str(port))
    process = subprocess.Popen(
        (sys.executable, "-m", *words),
        env={**os.environ, "DAGSTER_HOME": str(home)},
        cwd=home,
        stderr=subprocess.DEVNULL,
    )
    try:
        address = f"http://127.0.0.1:{port}"
        wait_for(address)
        yield address
    finally:
        process.terminate()
        process.wait(30)


def wait_for(address: str) -> None:
    deadline = time.monotonic() + 90
    while True:
        try:
            urllib.request.urlopen(address, timeout=5).close()  # noqa: S310 - our own loopback address
        except (urllib.error.URLError, OSError):
            assert time.monotonic() < deadline, f"{address} does not answer"
            time.sleep(0.3)
        else:
            return


@contextmanager
def page_of_a_stranger(target: str, mark: str) -> Iterator[str]:
    """Serve the page that attacks `target`; yields its address under a stranger's name."""
    queries = {way: CHANGE.replace("KEY", f"{mark}-{way}") for way in WAYS}
    words = {"target": target, "fetch": json.dumps(queries["fetch"])}
    body = (PAGE % {**words, "form": quote(queries["form"]), "get": quote(queries["get"])}).encode()

    class Page(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://{STRANGER}:{server.server_address[1]}/"
    finally:
        server.shutdown()
        server.server_close()


def changed(served: Served, mark: str) -> set[str]:
    """The ways in which a page had the home changed."""
    body = json.dumps({"query": LIMITS}).encode()
    request = urllib.request.Request(  # noqa: S310 - our own loopback address
        f"{served.dagster}/graphql", data=body, headers={"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - as above
        limits = json.load(answer)["data"]["instance"]["concurrencyLimits"]
    keys = [limit["concurrencyKey"] for limit in limits]
    return {key.removeprefix(f"{mark}-") for key in keys if key.startswith(f"{mark}-")}


def attack(browser: webdriver.Chrome, target: str, mark: str) -> tuple[str, str]:
    """Let the stranger's page try everything; its title, and what its frame shows of the target."""
    with page_of_a_stranger(target, mark) as address:
        visit(browser, address, "tried all")
        title = browser.title
        browser.switch_to.frame("shown")
        framed = page_text(browser)
        browser.switch_to.default_content()
    return title, framed


def test_a_page_of_a_stranger_changes_nothing(served: Served, browser: webdriver.Chrome) -> None:
    title, framed = attack(browser, served.dagster, "guarded")
    assert changed(served, "guarded") == set()
    assert title == "a page of somebody else"  # no socket was opened
    assert "Runs" not in framed


def test_the_same_page_presses_the_buttons_of_an_unguarded_server(
    served: Served, browser: webdriver.Chrome, unguarded: str
) -> None:
    title, _ = attack(browser, unguarded, "unguarded")
    assert changed(served, "unguarded") == {"fetch", "form", "get"}
    assert title == "socket open"


def test_a_name_that_was_led_to_this_machine_shows_nothing(served: Served, browser: webdriver.Chrome) -> None:
    for address in (served.dagster, served.mlflow):
        browser.get(address.replace("127.0.0.1", STRANGER))
        assert "refused: this server is not called" in page_text(browser) or "Invalid Host" in page_text(browser)


def test_mlflow_refuses_the_page_of_a_stranger(served: Served, browser: webdriver.Chrome) -> None:
    with page_of_a_stranger(served.dagster, "mlflow") as address:
        browser.get(address)
        browser.execute_async_script(
            """const done = arguments[1];
            fetch(arguments[0] + "/api/2.0/mlflow/registered-models/create", {method: "POST", mode: "no-cors",
              headers: {"Content-Type": "text/plain; x=application/json"}, body: '{"name": "stranger"}'})
            .then(done, done);""",
            served.mlflow,
        )
    names = f"{served.mlflow}/api/2.0/mlflow/registered-models/search"
    with urllib.request.urlopen(names, timeout=30) as answer:  # noqa: S310 - our own loopback address
        assert "stranger" not in answer.read().decode()


def test_the_own_page_launches_a_job_and_follows_it(served: Served, browser: webdriver.Chrome) -> None:
    job = f"{served.dagster}/locations/forest_fire_retrain/jobs/verify_job/playground"
    visit(browser, job, "Launch Run")
    WebDriverWait(browser, 60).until(lambda b: launch_button(b).is_enabled())
    launch_button(browser).click()
    WebDriverWait(browser, 60).until(lambda b: "/runs/" in b.current_url)
    WebDriverWait(browser, 180).until(lambda b: "Success" in page_text(b) or "RUN_SUCCESS" in page_text(b))


def launch_button(browser: webdriver.Chrome) -> Any:
    return browser.find_element(By.XPATH, "//button[contains(., 'Launch Run')]")


def test_nobody_else_on_the_machine_reads_what_was_served(served: Served) -> None:
    paths = [served.home, *served.home.rglob("*")]
    open_to_others = [str(path) for path in paths if not path.is_symlink() and mode(path) & 0o077]
    assert len(paths) > 50
    assert open_to_others == []


def mode(path: Path) -> int:
    try:
        return path.stat().st_mode
    except FileNotFoundError:  # a log that was removed meanwhile
        return 0
