"""axe-core on every page, in both languages, by day and by night; and no page wider than telephone, tablet or desk."""

from __future__ import annotations

import os
import shutil
import threading
import time
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path

import pytest
import uvicorn
from playwright.sync_api import sync_playwright

from validate.desk.room import COOKIE

pytestmark = pytest.mark.browser

WIDTHS = {"phone": (390, 844), "tablet": (820, 1180), "desktop": (1400, 900)}
PICTURES = os.environ.get("COHORTLOCK_ACCESSIBLE_PICTURES", "")
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--disable-sync"]
AXE = (files("axe_core_python") / "axe.min.js").read_text("utf-8")
ASK = """async () => (await axe.run(document, {resultTypes: ['violations']})).violations
  .filter((v) => ['serious', 'critical'].includes(v.impact))
  .map((v) => `${v.id}: ${v.nodes.map((n) => n.target.join(' ') + ' ' + (n.any[0]?.message ?? '')).slice(0, 4).join(' | ')}`)"""


@contextmanager
def served(app):
    """The application on a free port of loopback."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning", access_log=False))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive()
            time.sleep(0.01)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(20)


def pages(desk) -> dict[str, tuple[str, str]]:
    """Name -> (person, address): one of every page, each with something on it."""
    settled, differing, typed = desk.numbers[:3]
    criterion = desk.db.protocol.exclude[0].id
    for number in (settled, typed):
        for name in ("ann", "bob"):
            desk.judge(name, number)
    desk.judge("ann", differing)
    desk.judge("bob", differing, **{criterion: "met"})
    for name, value in (("dan", "5"), ("eve", "6")):
        fields = desk.script(name).get(f"candidates/{typed}/entries").json()["fields"]
        entries = [
            {
                "variable": f["variable"],
                "timepoint": f["timepoint"],
                "raw": value if f["kind"] == "number" else next(iter(f["codes"])),
            }
            for f in fields
        ]
        desk.script(name).post(f"candidates/{typed}/entries", json={"request": name, "entries": entries})
    first = desk.case(desk.numbers[3]).candidate.reviewed[0]
    desk["ann"].post(f"/ask/{desk.numbers[3]}", data={"request": "q", "field": first, "text": "which visit?"})
    desk["ann"].post(f"/judge/{desk.numbers[3]}/{first}", data={"verdict": "met", "reason": "seen"})
    return {
        "sign-in": ("", "/sign-in"),
        "queue": ("ann", "/"),
        "judge": ("ann", f"/judge/{desk.numbers[3]}"),
        "judged": ("ann", f"/judge/{settled}"),
        "sentences": ("ann", f"/judge/{desk.numbers[3]}?sentences=1"),
        "arbitrate": ("cat", f"/arbitrate/{differing}"),
        "enter": ("dan", f"/enter/{settled}"),
        "resolve": ("may", f"/resolve/{typed}"),
        "work of the data manager": ("may", "/"),
        "owed": ("may", "/owed"),
        "agreement": ("may", "/agreement"),
        "audit": ("aud", "/audit"),
        "calibration": ("may", "/calibration"),
        "consistency": ("may", "/consistency"),
        "account": ("ann", "/account"),
        "refused": ("ann", "/owed"),
    }


@pytest.mark.parametrize("tongue", ["zh", "en"])
def test_no_page_has_a_serious_fault_of_accessibility(desk, tongue):
    """...nor is any wider than the screen that it stands on."""
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("no Chromium here; `make test` installs one where it may")
    listed = pages(desk)
    faults = []
    with served(desk.app) as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=QUIET)
        # The policy that keeps foreign scripts out would keep axe out too.
        context = browser.new_context(bypass_csp=True, locale="zh-CN" if tongue == "zh" else "en-GB")
        context.set_default_timeout(20_000)
        page = context.new_page()
        for name, (person, path) in listed.items():
            context.clear_cookies()
            if person:
                held = {"name": COOKIE, "value": desk[person].cookies[COOKIE], "url": address}
                context.add_cookies([held])
            page.set_viewport_size(dict(zip(("width", "height"), WIDTHS["desktop"], strict=True)))
            page.goto(f"{address}{path}")
            page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
            page.evaluate(AXE)
            for width, (across, down) in WIDTHS.items():
                page.set_viewport_size({"width": across, "height": down})
                # Words do not change a colour: by lamplight one language is enough, and a tablet shows the phone's page.
                page.emulate_media(color_scheme="dark" if (width, tongue) == ("desktop", "en") else "light")
                if width != "tablet":
                    faults += [f"{name}, {width}: {fault}" for fault in page.evaluate(ASK)]
                wide = page.evaluate("document.documentElement.scrollWidth")
                if wide > across:
                    faults.append(f"{name}, {width}: {wide} px wide")
                if PICTURES:
                    page.screenshot(path=Path(PICTURES) / f"{name}-{width}-{tongue}.png")
        browser.close()
    assert faults == []
