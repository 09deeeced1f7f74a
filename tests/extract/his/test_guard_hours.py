"""Blackout hours, the canary's patience and grants, without a server."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from extract.errors import NotNow, SiteInvalid
from extract.his.guard.plans import examined
from extract.his.guard.rights import from_grants
from extract.his.guard.settings import Safety
from extract.his.guard.watch import check_hours
from extract.his.pull import pull
from extract.his.sites import load_site


def site(study, blackout):
    text = study.site_file.read_text(encoding="utf-8")
    study.site_file.write_text(f"{text}\n[safety]\nblackout = {blackout}\n", encoding="utf-8")
    return load_site(study)


@pytest.mark.parametrize(
    ("blackout", "now", "allowed"),
    [
        ([], "2026-03-02 09:00", None),
        (["08:00-12:00"], "2026-03-02 07:59", None),
        (["08:00-12:00"], "2026-03-02 08:00", "2026-03-02 12:00"),
        (["08:00-12:00"], "2026-03-02 12:00", None),
        (["08:00-12:00", "12:00-18:00"], "2026-03-02 09:00", "2026-03-02 18:00"),
        (["Mon-Fri 08:00-18:00"], "2026-03-07 09:00", None),
        (["Sat 22:00-06:00"], "2026-03-08 05:00", "2026-03-08 06:00"),
        (["Sat 22:00-06:00"], "2026-03-09 05:00", None),
        (["Fri-Mon 00:00-24:00"], "2026-03-07 09:00", "2026-03-10 00:00"),
    ],
)
def test_the_next_allowed_time(blackout, now, allowed):
    found = Safety(blackout=tuple(blackout)).next_allowed(datetime.fromisoformat(now))
    assert found == (datetime.fromisoformat(allowed) if allowed else None)


def test_blackout_is_read_by_the_sites_clock_and_says_when_a_pull_may_run(study):
    made = site(study, '["Mon-Fri 08:00-18:00"]')
    # 09:30 in Shanghai is 01:30 in Greenwich.
    with pytest.raises(NotNow, match="next allowed time is 2026-03-02 18:00") as caught:
        check_hours(made, lambda zone: datetime.fromisoformat("2026-03-02T01:30:00+00:00").astimezone(zone))
    assert caught.value.code == 29
    check_hours(made, lambda zone: datetime.fromisoformat("2026-03-02T11:30:00+00:00").astimezone(zone))


def test_a_pull_in_blackout_hours_never_connects(study):
    now = datetime.now(ZoneInfo("Asia/Shanghai"))
    hours = f"{now - timedelta(hours=1):%H:%M}-{now + timedelta(hours=1):%H:%M}"
    site(study, f'["{hours}"]')
    with pytest.raises(NotNow):
        pull(study)
    assert not study.landing.exists()


def test_a_week_without_an_allowed_moment_is_a_fault_of_site_toml(study):
    site(study, '["00:00-12:00", "12:00-23:59", "23:59-00:00", "Mon 00:00-24:00"]')
    with pytest.raises(SiteInvalid, match="no moment"):
        pull(study)
    assert not study.landing.exists()


@pytest.mark.parametrize("text", ["8-12", "08:00-25:00", "Mon-Foo 08:00-12:00", "24:00-08:00", "08:61-09:00"])
def test_hours_that_cannot_be_read_are_named_by_line(text, study):
    with pytest.raises(SiteInvalid, match=r"site\.toml, line"):
        site(study, f'["{text}"]')


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("GRANT USAGE ON *.* TO `r`@`%`", []),
        ("GRANT SELECT, SHOW VIEW ON `his`.* TO `r`@`%`", []),
        ("GRANT ALL PRIVILEGES ON *.* TO `r`@`%` WITH GRANT OPTION", ["ALL PRIVILEGES on *.*"]),
        ("GRANT SELECT, INSERT (`a`, `b`) ON `his`.`lab` TO `r`@`%`", ["INSERT on his.lab"]),
        ('GRANT DELETE HISTORY ON "his"."lab" TO "r"@"%"', ["DELETE HISTORY on his.lab"]),
        ("GRANT UPDATE ON `his`.`other` TO `r`@`%`", []),
        ("GRANT UPDATE ON `h_s%`.* TO `r`@`%`", ["UPDATE on h_s%.*"]),
        ("GRANT UPDATE ON `h\\_s`.* TO `r`@`%`", []),
        ("GRANT FILE ON *.* TO `r`@`%`", ["FILE on *.*"]),
        ("GRANT EXECUTE ON PROCEDURE `his`.`p` TO `r`@`%`", []),
    ],
)
def test_grants_of_mariadb(line, found):
    assert from_grants([line], ["LAB", "archive.lab"], "his") == found


def test_rows_examined_multiply_over_nested_tables_and_add_over_buffers():
    def step(number, kind, rows, filtered=100.0, extra=""):
        return (number, kind, "t", "ALL", None, None, None, None, rows, filtered, extra)

    assert examined([step(1, "SIMPLE", 1000)]) == 1000
    assert examined([step(1, "SIMPLE", 1000, 10.0), step(1, "SIMPLE", 3)]) == 1000 + 100 * 3
    assert (
        examined([step(1, "SIMPLE", 1000), step(1, "SIMPLE", 50, extra="Using join buffer (flat, BNL join)")])
        == 1050
    )
    assert examined([step(1, "PRIMARY", 1000), step(2, "DEPENDENT SUBQUERY", 7)]) == 1000 + 1000 * 7
    assert (
        examined(
            [
                step(1, "PRIMARY", 10),
                step(2, "UNION", 20),
                (None, "UNION RESULT", None, None, None, None, None, None, None, None, ""),
            ]
        )
        == 30
    )
