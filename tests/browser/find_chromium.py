"""Finds a Chromium for the browser tests: the system's, else playwright's own, else the system's packages."""

import os
import shutil
import subprocess
import sys

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def chromium_path() -> str | None:
    """The program to start, None if there is none."""
    if "MOLAR_CHROMIUM" in os.environ:
        return os.environ["MOLAR_CHROMIUM"]
    for name in NAMES:
        if found := shutil.which(name):
            return found
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        path = playwright.chromium.executable_path
    return path if os.path.exists(path) else None  # noqa: PTH110


def install() -> None:
    """Try playwright's download, then Debian's or Ubuntu's packages."""
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "check": False}
    subprocess.run([sys.executable, "-m", "playwright", "install", "chromium"], **quiet)
    if chromium_path() is None and shutil.which("apt-get"):
        root = [] if os.geteuid() == 0 else ["sudo", "-n"]
        subprocess.run([*root, "apt-get", "update"], **quiet)
        subprocess.run([*root, "apt-get", "install", "-y", "chromium"], **quiet)


if __name__ == "__main__":
    if chromium_path() is None:
        install()
    if chromium_path() is None:
        sys.exit("no Chromium found or installed; install one, or set MOLAR_CHROMIUM to its path")
