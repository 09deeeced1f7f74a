"""The page of the checks: both languages, every check, keys only, and nothing from anywhere else."""

import re
import shutil
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from playwright.sync_api import sync_playwright

from validate.checks.page import KINDS, checks_page
from validate.checks.results import CheckReport, CheckResult, Waiver, waive
from validate.checks.rules import compile_rules

CONDITIONS = [
    {"ok": True, "message": "the study is open", "message_zh": "研究未锁定", "owed": {}},
    {"ok": False, "message": "2 queries are open", "message_zh": "2 条质疑未关闭", "owed": {"<ann>": 2}},
]


@pytest.fixture(scope="module")
def report(rules):
    """All statuses: what runs the engine is tested beside it, and that its results hold no value."""
    found = [CheckResult(r.id, r.kind, "pass", r.severity, r.label, 90) for r in rules]
    found[0] = replace(found[0], status="fail", keys=tuple(f"P{n}" for n in range(40)))
    found[1] = replace(found[1], status="fail", keys=("P003",))
    found[2] = replace(found[2], status="not_evaluated", rows=0)
    found[3] = replace(found[3], status="error", detail="the engine could not evaluate it")
    waiver = Waiver(found[1].id, "boss", "2025-05-01T10:00:00+00:00", "REASON-9d")
    return CheckReport(waive(found, [waiver]))


@pytest.fixture(scope="module")
def page(protocol, report):
    return checks_page(protocol, report.to_json(), CONDITIONS).decode()


class Text(HTMLParser):
    """The words of each language's part, and every tag."""

    def __init__(self, page):
        super().__init__()
        self.language, self.words, self.tags = "", {"zh-CN": [], "en": []}, []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        """A tag opens."""
        self.tags.append((tag, dict(attrs)))
        if tag == "main":
            self.language = dict(attrs)["lang"]

    def handle_data(self, data):
        """Text between tags."""
        if self.language:
            self.words[self.language].append(data)


def test_every_check_and_condition_stands_in_both_languages(page, report):
    assert {r.status for r in report.results} == {"pass", "fail", "error", "not_evaluated", "waived"}
    words = {language: " ".join(found) for language, found in Text(page).words.items()}
    for result in report.results:
        assert result.label.zh in words["zh-CN"]
        assert result.label.en in words["en"]
        for text in words.values():
            assert result.id in text
            assert all(key in text for key in result.keys)
    assert "2 条质疑未关闭" in words["zh-CN"]
    assert "2 queries are open" in words["en"]
    assert not re.search("[\u4e00-\u9fff]", words["en"])


def test_every_kind_of_check_has_a_name(protocol):
    assert {rule.kind for rule in compile_rules(protocol)} <= set(KINDS)


def test_a_waiver_shows_who_and_when_and_keeps_its_reason(page):
    assert "boss, 2025-05-01" in page
    assert "REASON-9d" not in page


def test_nothing_is_run_and_nothing_is_fetched(page):
    tags = Text(page).tags
    assert not {"script", "link", "img", "iframe", "object"} & {tag for tag, _ in tags}
    assert not any(name in {"src", "href"} or name.startswith("on") for _, attrs in tags for name in attrs)
    assert "url(" not in page
    assert "http://" not in page
    assert "https://" not in page
    assert "default-src 'none'" in page
    assert "<ann>" not in page


def test_the_checks_of_a_snapshot_make_the_same_page(protocol, report):
    """...without the conditions, from checks.json alone."""
    page = checks_page(protocol, report.to_json(inside=False)).decode()
    assert "boss" in page
    assert "锁库条件" not in page


@pytest.mark.browser
@pytest.mark.skipif(
    shutil.which("chromium") is None, reason="needs a Chromium; as root: apt-get install chromium"
)
def test_a_reader_switches_languages_and_opens_the_keys_in_a_browser(page, tmp_path):
    (tmp_path / "checks.html").write_text(page, encoding="utf-8")
    said: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        tab = browser.new_page(viewport={"width": 390, "height": 800})
        tab.on("console", lambda message: said.append(message.text))
        tab.on("request", lambda request: said.append(request.url))
        tab.goto((tmp_path / "checks.html").as_uri())
        assert tab.get_by_role("heading", name="数据核查报告").is_visible()
        assert not tab.get_by_role("heading", name="Data checks").is_visible()
        tab.get_by_text("English", exact=True).click()
        assert tab.get_by_role("heading", name="Data checks").is_visible()
        assert not tab.get_by_role("heading", name="数据核查报告").is_visible()
        keys = tab.locator("main[lang=en] details")
        assert not keys.get_by_text("P39", exact=False).is_visible()
        keys.locator("summary").click()
        assert keys.get_by_text("P39", exact=False).is_visible()
        # On a telephone only the tables scroll sideways, not the page.
        assert tab.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        browser.close()
    assert said == [(tmp_path / "checks.html").as_uri()]
