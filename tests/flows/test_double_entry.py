"""`cohortlock compare` as a person types it."""

from __future__ import annotations

import pytest

from flows.cli.double_entry import Report

FIRST = "id,esr,note\n1,12,颈痛\n2,30,a\n3,,\n"
SECOND = "ID;ESR;NOTE\n2;30.4;b\n1;１２.0;颈痛\n3;.;\n"


@pytest.fixture
def files(tmp_path):
    one, other = tmp_path / "one.csv", tmp_path / "other.csv"
    one.write_text(FIRST, encoding="utf-8")
    other.write_bytes(SECOND.encode("gb18030"))
    return one, other


def test_two_files_are_compared(cohortlock, files):
    """By key whatever the order, case, separator and encoding; JSON without what was typed."""
    told = cohortlock("compare", *files, "--key", "id", "--json").json
    assert (told["fields"]["errors"], told["fields"]["compared"]) == (2, 4)
    assert [one["field"] for one in told["differences"]] == ["esr", "note"]
    assert told == cohortlock("compare", *files, "--key", "id", "--report", "json").json
    assert "30.4" not in str(told)
    assert "颈痛" not in str(told)
    near = cohortlock(
        "compare", *files, "--key", "id", "--tolerance", "esr=0.5", "--skip", "note", "--json"
    ).json
    assert near["fields"]["errors"] == 0
    assert near["not_compared"] == {"note": "skipped"}


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("report", [Report.text, Report.html])
def test_the_report_is_written_in_both_languages(cohortlock, files, tmp_path, report, language):
    asked = ("compare", *files, "--key", "id", "--report", report.value, "--language", language)
    said = cohortlock(*asked).out
    assert ("Number of fields checked" if language == "en" else "核对字段数") in said
    assert "esr = 30.4" in said
    output = tmp_path / "report"
    assert cohortlock(*asked, "--output", output).out.strip() == str(output)
    assert output.read_text(encoding="utf-8").strip() == said.strip()
    assert "30.4" not in cohortlock(*asked, "--hide-values").out


def test_the_reconciled_entries_say_whose_error_it_was(cohortlock, files, tmp_path):
    truth = tmp_path / "truth.csv"
    truth.write_text("id,esr,note\n1,12,颈痛\n2,30,b\n", encoding="utf-8")
    told = cohortlock("compare", *files, "--key", "id", "--truth", truth, "--json").json["against_truth"]
    assert {name: rate["errors"] for name, rate in told.items()} == {"one.csv": 1, "other.csv": 1}


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["--key", "no"], 21, "no field no"),
        (["--tolerance", "esr"], 2, "FIELD=NUMBER"),
        (["--tolerance", "esr=-1"], 2, "FIELD=NUMBER"),
        (["--output", "/no/such/folder/x"], 18, "No such file"),
        (["--encoding", "klingon"], 21, "no encoding of that name"),
        (["--truth", "no.csv"], 19, "No such file"),
    ],
)
def test_what_is_wrong_is_said_with_its_code(cohortlock, files, arguments, code, says):
    said = cohortlock("compare", *files, *arguments)
    assert said.code == code
    assert says in said.err


def test_files_or_a_study_but_not_half_of_each(cohortlock, files):
    assert cohortlock("compare", files[0]).code == 2
    assert cohortlock("compare").code == 2
    assert cohortlock("compare", "--study", ".", "--key", "id").code == 2


def test_a_study_gets_the_report_of_its_own_two_passes(cohortlock, study):
    """Before anybody typed there is nothing to compare, and that is said; without a database too."""
    told = cohortlock("compare", "--study", study, "--json").json
    assert (told["common_records"], told["fields"]["note"]) == (0, "nothing was compared")
    (study / "study.db").unlink(missing_ok=True)
    assert cohortlock("compare", "--study", study).code == 19
