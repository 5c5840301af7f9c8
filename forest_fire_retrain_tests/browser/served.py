"""A served installation and a real browser looking at it; the only place that knows about either."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from selenium import webdriver
from selenium.common.exceptions import WebDriverException
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

BROWSER = shutil.which("chromium")
DRIVER = shutil.which("chromedriver")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
)
START_SECONDS = 420
PAGE_SECONDS = 60


def free_port() -> int:
    """A port that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Served:
    """A running `forest-fire up`."""

    def __init__(
        self, process: "subprocess.Popen[str]", home: Path, dagster_port: int, mlflow_port: int, output: Path
    ) -> None:
        self.process = process
        self.home = home
        self.dagster = f"http://127.0.0.1:{dagster_port}"
        self.mlflow = f"http://127.0.0.1:{mlflow_port}"
        self.output = output


@contextmanager
def serve(home: Path, **settings: str) -> Iterator[Served]:
    """`forest-fire up` on `home` until the block ends; Ctrl-C ends it."""
    ports = free_port(), free_port()
    environment = {
        **os.environ,
        "FOREST_FIRE_HOME": str(home),
        "FOREST_FIRE_DAGSTER_PORT": str(ports[0]),
        "FOREST_FIRE_MLFLOW_PORT": str(ports[1]),
        **settings,
    }
    output = home.parent / "up.log"
    command = [str(Path(sys.executable).parent / "forest-fire"), "up"]
    with output.open("w") as sink:
        process = subprocess.Popen(command, env=environment, stdout=sink, stderr=subprocess.STDOUT, text=True)
    try:
        deadline = time.monotonic() + START_SECONDS
        while "Ctrl-C stops everything" not in output.read_text():
            if process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"up did not come up:\n{output.read_text()}")
            time.sleep(0.5)
        yield Served(process, home, *ports, output)
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(timeout=60)


@contextmanager
def open_browser(width: int = 1700, height: int = 1000, *flags: str) -> Iterator[webdriver.Chrome]:
    """A headless Chromium with a profile of its own, and further `flags`."""
    options = webdriver.ChromeOptions()
    options.binary_location = str(BROWSER)
    for flag in (*FLAGS, *flags, f"--window-size={width},{height}"):
        options.add_argument(flag)
    browser = webdriver.Chrome(options=options, service=webdriver.ChromeService(str(DRIVER)))
    try:
        yield browser
    finally:
        browser.quit()


def visit(browser: webdriver.Chrome, address: str, *expected: str) -> str:
    """Open a page and wait until it shows all of `expected`; returns its text."""
    browser.get(address)
    try:
        WebDriverWait(browser, PAGE_SECONDS).until(lambda b: all(text in page_text(b) for text in expected))
    except WebDriverException as error:
        raise AssertionError(f"{address} does not show {expected}, but:\n{page_text(browser)}") from error
    return page_text(browser)


def page_text(browser: webdriver.Chrome) -> str:
    """The text a person sees."""
    return browser.find_element(By.TAG_NAME, "body").text


def expand_all_groups(browser: webdriver.Chrome) -> None:
    """Open every group of the lineage graph, as the key Alt-E does for a person."""
    body = browser.find_element(By.TAG_NAME, "body")
    body.send_keys(Keys.ALT, "e")
    time.sleep(3)


def click(browser: webdriver.Chrome, text: str) -> None:
    """Click the first element with exactly this text."""
    browser.find_element(By.XPATH, f"//*[normalize-space(text())='{text}']").click()
