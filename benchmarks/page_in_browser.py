"""How large is the page of a generator, and how soon does it show pictures, on one core?

    python benchmarks/page_in_browser.py generator_e200.h5

Exports the page (deploy/export.py), serves the folder as a static host does, and opens it in Chromium without a window,
the whole browser on one core. "First pictures" is the time from the request for the page until all pictures of the
first view are drawn; "again" is the same with a warm cache, "new" the time from a press of the button.
Needs deploy/requirements-tests.txt and `apt install chromium`.
"""

import argparse
import functools
import http.server
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import threading
import time

from playwright.sync_api import sync_playwright

ROOT = pathlib.Path(__file__).resolve().parent.parent


class Quiet(http.server.SimpleHTTPRequestHandler):
    """A static server that says nothing."""

    def log_message(self, *arguments):
        """Say nothing."""


def drawn(page, not_this=""):
    """Wait until a view is drawn that is not the one named; return its name."""
    page.wait_for_function(
        "(old) => document.documentElement.dataset.drawn && document.documentElement.dataset.drawn !== old",
        arg=not_this,
        timeout=60_000,
    )
    return page.evaluate("() => document.documentElement.dataset.drawn")


def main():
    """Export, serve, open, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", type=pathlib.Path, help="generator_eXXX.h5 of train.py")
    arguments = parser.parse_args()
    browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if browser is None:
        sys.exit("page_in_browser.py: there is no Chromium; apt install chromium")
    with tempfile.TemporaryDirectory() as folder:
        page_folder = pathlib.Path(folder) / "page"
        source = pathlib.Path(folder) / arguments.file.name
        shutil.copy(arguments.file, source)
        command = [sys.executable, ROOT / "deploy" / "export.py", source, "--page", page_folder]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        sizes = {path.name: path.stat().st_size for path in page_folder.rglob("*") if path.is_file()}
        print(f"page folder: {sum(sizes.values()) / 1e6:.1f} MB in {len(sizes)} files; the largest:")
        for name, size in sorted(sizes.items(), key=lambda item: -item[1])[:3]:
            print(f"  {size / 1e6:.2f} MB  {name}")
        handler = functools.partial(Quiet, directory=str(page_folder))
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})  # the browser inherits it
        with sync_playwright() as started:
            opened = started.chromium.launch(executable_path=browser, args=["--no-sandbox"])
            page = opened.new_context().new_page()
            for what in ("first pictures", "again"):
                start = time.perf_counter()
                page.goto(f"http://127.0.0.1:{server.server_port}/", wait_until="commit")
                view = drawn(page)
                count = page.locator("#pictures canvas").count()
                print(f"{what}: {time.perf_counter() - start:.2f} s, {count} pictures")
                page.goto("about:blank")
            page.goto(f"http://127.0.0.1:{server.server_port}/")
            view = drawn(page)
            start = time.perf_counter()
            page.click("#new")
            drawn(page, not_this=view)
            print(f"new: {time.perf_counter() - start:.2f} s")
            opened.close()
        server.shutdown()


if __name__ == "__main__":
    main()
