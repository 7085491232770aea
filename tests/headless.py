"""A headless browser for the tests of pages: one in each process of the tests."""

import fcntl
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

BROWSER = "chromium-headless-shell"
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="session")
def chromium():
    """The path of a headless browser, which is installed where it is missing."""
    # Tests may run in several processes, and apt lets one at a time.
    with (Path(tempfile.gettempdir()) / f"install-{BROWSER}-{os.getuid()}").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if installed() is None:
            assert os.geteuid() == 0, f"these tests need {BROWSER}: apt-get install {BROWSER}"
            for command in (["update"], ["install", "-y", "--no-install-recommends", BROWSER]):
                subprocess.run(["apt-get", "-qq", *command], check=True, timeout=240)
    return installed()


def installed():
    return shutil.which(BROWSER) or shutil.which("chromium")


@pytest.fixture(scope="session")
def browser(chromium):
    from playwright.sync_api import sync_playwright  # only where a page is tested

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield browser
        browser.close()


# A frame that has begun already may come first, so it is the second that counts.
TWO_FRAMES = """() => new Promise((done) =>
  requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done))))"""


def emulate(tab, **media):
    """Change the medium of a page, and wait until its scripts have been told.

    A browser tells the listeners of a media query as it draws the next frame, which may be after
    `emulate_media` has returned.
    """
    tab.emulate_media(**media)
    tab.evaluate(TWO_FRAMES)
