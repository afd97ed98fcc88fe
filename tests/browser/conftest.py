"""One browser for each module, one JupyterLab for all, and pages that must stay clean."""

from __future__ import annotations

import os
import shutil
from urllib.parse import urlparse

import pytest
from playwright.sync_api import sync_playwright

from tests.browser.bare import BareChart
from tests.browser.lab import JupyterLab

FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]
SCHEMES = {"data", "blob", "about"}


@pytest.fixture(scope="session")
def chromium():
    """Where the browser lies; without one these tests are skipped, except where CI needs them."""
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        if os.environ.get("CI"):
            pytest.fail("no chromium on this machine; apt-get install chromium")
        pytest.skip("no chromium on this machine")
    return path


@pytest.fixture(scope="module")
def browser(chromium):
    """Start a browser for a module; its loop ends there, as other tests have their own."""
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield started
        started.close()


class Watch:
    """What a page said and asked for."""

    def __init__(self, page):
        self.errors, self.requests = [], []
        page.on("console", self.hear)
        page.on("pageerror", lambda error: self.errors.append(error.stack or str(error)))
        page.on("request", lambda request: self.requests.append(request.url))

    def hear(self, message):
        if message.type == "error":
            self.errors.append(message.text)

    def outside(self):
        urls = map(urlparse, self.requests)
        return [url for url in urls if url.scheme not in SCHEMES and url.hostname != "127.0.0.1"]

    def check(self):
        assert not self.errors
        assert not self.outside()


def pages(browser):
    """Give a function that opens pages, which are closed and judged after the yield."""
    opened = []

    def start(*, dark=False, width=1200, height=700):
        context = browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme="dark" if dark else "light",
        )
        page = context.new_page()
        opened.append((context, Watch(page)))
        return page

    yield start
    for context, _ in opened:
        context.close()
    for _, watch in opened:
        watch.check()


@pytest.fixture
def open_page(browser):
    """Open pages that have to have no errors and no requests beyond this machine at the end."""
    yield from pages(browser)


@pytest.fixture(scope="module")
def keep_page(browser):
    """Open pages for all tests of a module, which have to be as clean at its end."""
    yield from pages(browser)


@pytest.fixture
def open_chart(open_page):
    """Show a chart in a bare page, with its own Python side and without Jupyter."""

    def start(chart, **options):
        return BareChart(open_page(**options), chart)

    return start


@pytest.fixture(scope="session")
def jupyterlab(chromium, tmp_path_factory):
    """Start one JupyterLab for all tests."""
    lab = JupyterLab(tmp_path_factory.mktemp("jupyterlab"))
    yield lab
    lab.close()
