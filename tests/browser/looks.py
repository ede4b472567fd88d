"""What a state of the page must be: free of violations, no wider than its screen."""

import os
from pathlib import Path

from browser.playground import Playground
from contract.sdk import ROOT

AXE = ROOT / "web" / "node_modules" / "axe-core" / "axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
SCREENSHOTS = os.environ.get("AURICLE_TEST_SCREENSHOTS")


def check(playground: Playground, state: str, look: dict[str, bool]) -> None:
    """No violation, nothing wider than the screen; keeps a picture where asked to."""
    page = playground.page
    if SCREENSHOTS is not None:
        size, colours = "phone" if look["phone"] else "desktop", "dark" if look["dark"] else "light"
        page.wait_for_timeout(400)  # animations end
        page.screenshot(path=Path(SCREENSHOTS) / f"{state}-{size}-{colours}.png", full_page=True)
    overflow = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    assert overflow <= 0, f"{state}: {overflow} pixels wider than the screen"
    page.evaluate(AXE.read_text())
    found = page.evaluate("tags => axe.run({runOnly: tags})", RULES)
    assert [
        (each["id"], node["html"], node["failureSummary"])
        for each in found["violations"]
        for node in each["nodes"]
    ] == [], state
