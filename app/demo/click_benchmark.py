"""What a person waits for: from a click in a real Chromium to the answer in the page."""

import statistics
from pathlib import Path
from typing import Any

from molar.engine import RequestError

_ENOUGH = 3  # clicks that are not counted: the first ones load pictures and compile the page's scripts

# Clicks a card and says after how many milliseconds other items were recommended, and when that was painted.
_CLICK = """
async (number) => {
  const list = document.querySelector("#recommendations");
  const titles = () => [...list.querySelectorAll(".title")].map((one) => one.textContent).join("\\n");
  const before = titles();
  const begun = performance.now();
  const answered = new Promise((done) => {
    const seen = new MutationObserver(() => {
      if (titles() === before) return;
      seen.disconnect();
      const inPage = performance.now() - begun;
      requestAnimationFrame(() => setTimeout(() => done([inPage, performance.now() - begun]), 0));
    });
    seen.observe(list, { childList: true, subtree: true, characterData: true });
    setTimeout(() => done(null), 3000);
  });
  document.querySelectorAll("#catalogue .pick")[number].click();
  return await answered;
}
"""


def measure_clicks(address: str, chromium: Path, clicks: int = 30, pause: float = 0.5) -> dict[str, Any]:
    """Open the demo in headless Chromium, on this machine too, and click products one after the other.

    Args:
        address: of the demo.
        chromium: the program.
        clicks: how many are counted.
        pause: seconds between them.

    Returns:
        Milliseconds until the new recommendations are in the page, and until they are painted.

    Raises:
        RequestError: playwright is not installed.
    """
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        raise RequestError("--chromium needs the package playwright; run: pip install 'molar[bench]'") from None
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": 1440, "height": 1000})
        page.goto(address)
        page.locator("#recommendations .card").first.wait_for()
        there = page.locator("#catalogue .pick").count()
        taken = []
        for number in range(_ENOUGH + clicks):
            page.wait_for_timeout(pause * 1e3)
            taken.append(page.evaluate(_CLICK, number % there))
        browser.close()
    answered = [times for times in taken[_ENOUGH:] if times]  # now and then an item changes nothing
    in_page, painted = zip(*answered, strict=True)
    return {
        "browser_clicks": len(answered),
        "browser_in_page_p50_ms": round(statistics.median(in_page), 1),
        "browser_in_page_p95_ms": round(statistics.quantiles(in_page, n=20)[-1], 1),
        "browser_painted_p50_ms": round(statistics.median(painted), 1),
    }
