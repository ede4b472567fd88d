"""How fast the playground loads: a browser with an empty cache, a real server, loopback.

For each load the browser's own figures: the first paint with content, and the moment the page
can be used, when it has learnt from the server what that can do. Prints a table and appends JSON
lines to `bench/results/`.
"""

import argparse
import sys
from statistics import median
from typing import Any

from playwright.sync_api import Browser

from chromium import chromium, find_chromium
from records import Recorder, describe_run, warn_if_busy
from server_process import running_server
from table import format_table

INVITATION = "Drop a recording here"
FIRST_PAINT = """() => new Promise(resolve => new PerformanceObserver(
    list => list.getEntriesByName("first-contentful-paint").forEach(e => resolve(e.startTime))
).observe({type: "paint", buffered: true}))"""
TRANSFERRED = """() => [
    ...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource"),
].reduce((sum, entry) => sum + entry.transferSize, 0)"""
WHEN_USABLE = """text => new Promise(resolve => {
    const look = () => document.body?.innerText.includes(text)
        ? resolve(performance.now()) : requestAnimationFrame(look);
    look();
})"""


def main() -> int:
    """Measure and report."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--server", help="URL of a running server; default: one of our own")
    parser.add_argument("--loads", type=int, default=15)
    options = parser.parse_args()
    if find_chromium() is None:
        raise SystemExit("the page's load time needs a browser: install chromium")
    warn_if_busy()
    recorder = Recorder("page-load")
    recorder.write("run", describe_run(None))
    with running_server(options.server) as server, chromium() as browser:
        loads = [load_once(browser, server.url) for _ in range(options.loads + 1)][1:]
    for load in loads:
        recorder.write("load", load)
    rows = [
        [name, *(f"{pick([load[name] for load in loads]):.0f}" for pick in (min, median, max))]
        for name in loads[0]
    ]
    print(format_table(["", "least", "median", "most"], rows))
    return 0


def load_once(browser: Browser, url: str) -> dict[str, Any]:
    """One load into a new profile: nothing is cached."""
    context = browser.new_context()
    page = context.new_page()
    page.goto(url, wait_until="commit")
    load = {
        "usable_ms": page.evaluate(WHEN_USABLE, INVITATION),
        "first_paint_ms": page.evaluate(FIRST_PAINT),
    }
    page.wait_for_load_state("load")
    load["transferred_bytes"] = page.evaluate(TRANSFERRED)
    context.close()
    return load


if __name__ == "__main__":
    sys.exit(main())
