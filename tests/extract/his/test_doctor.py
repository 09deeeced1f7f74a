"""The doctor looks at everything a pull will need, and tells it as checks."""

from __future__ import annotations

from extract.his.doctor import doctor
from extract.study.keywords import Matcher


def by_id(checks):
    return {check["id"]: check for check in checks}


def test_a_healthy_site(study):
    checks = doctor(study)
    assert all(check["ok"] for check in checks)
    found = by_id(checks)
    assert found["schema"]["message"].startswith("17 source tables")
    terms = len(Matcher.of(study.protocol().search).leaves)
    assert found["encoding"]["message"].startswith(f"{terms} search terms")


def test_a_right_to_write_is_a_check_that_fails(postgres_demo, postgres_admin, studies, tmp_path):
    found = by_id(doctor(studies(tmp_path / "admin", postgres_admin)))
    assert "superuser" in found["write-right"]["message"]
    assert not found["write-right"]["ok"]
    assert "encoding" in found
    found = by_id(doctor(studies(tmp_path / "reader", postgres_demo)))
    assert found["rights"] == {
        "id": "rights",
        "ok": True,
        "message": "the account has no right to write to what is read",
    }


def test_every_missing_column_is_its_own_line(study, change):
    change("ALTER TABLE LAB_RESULT DROP COLUMN UNITS", "ALTER TABLE ORDERS DROP COLUMN ORDER_STATUS")
    bad = [check["message"] for check in doctor(study) if not check["ok"]]
    assert len(bad) == 2
    assert "table lab_result has no column units (read by jw1/lab.sql)" in bad
    assert any("table orders has no column order_status" in message for message in bad)


def test_what_cannot_be_reached_is_a_check_and_not_a_traceback(study):
    study.site_file.write_text(study.site_file.read_text().replace("his.db", "none.db"))
    checks = doctor(study)
    assert [check["ok"] for check in checks] == [True, True, True, False]
    assert checks[-1]["id"] == "source-unreachable"
    study.site_file.unlink()
    assert doctor(study)[-1]["id"] == "site-invalid"


def test_an_absent_table_is_listed(hospital, studies, tmp_path):
    study = studies(tmp_path / "s", f"sqlite:///{hospital}", 'absent = ["scale"]')
    assert "absent scale" in by_id(doctor(study))


def test_a_term_that_the_database_loses_is_found(study, monkeypatch):
    """An Oracle client with a Latin code page turns 腰痛 into ??: the search would silently find nothing."""
    from extract.his.engines.relational import RelationalEngine

    real = RelationalEngine.stream

    def lossy(self, sql, params, *args, **kwargs):
        lost = {
            k: str(v).encode("latin-1", "replace").decode() if k == "term" else v for k, v in params.items()
        }
        return real(self, sql, lost, *args, **kwargs)

    monkeypatch.setattr(RelationalEngine, "stream", lossy)
    bad = [check for check in doctor(study) if not check["ok"]]
    assert {check["id"] for check in bad} == {"encoding"}
    assert len(bad) == 4
