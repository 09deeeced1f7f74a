"""The whole road once, as `make demo` runs it, through a real Prefect server; every promise on its one run."""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from extract.study.folder import StudyFolder
from flows.demo import included

BIN = Path(sys.executable).parent

pytestmark = pytest.mark.timeout(900)


def test_what_demo_tells(demo):
    """The stable shape, and that everything in it is simulated."""
    expected = {
        "study",
        "funnel",
        "participants",
        "truth",
        "agreement",
        "checks",
        "snapshot",
        "report",
        "seconds",
    }
    assert expected <= set(demo.told)
    assert demo.told["study"] == "esr-pain"
    assert demo.told["simulated"] is True
    assert Path(demo.told["report"]).is_file()
    assert demo.stderr == ""


def test_all_planted_patients_and_nobody_else(demo):
    assert demo.told["participants"] == 90
    assert demo.told["truth"]["precision"] == 1.0
    assert demo.told["truth"]["recall"] == 1.0
    assert pq.read_table(demo.snapshot / "data.parquet").num_rows == 90


def test_the_funnel_closes_at_every_step(demo, cohortlock):
    """In patients and visits, told alike by the demo, the verb, and the snapshot."""
    funnel = demo.told["funnel"]
    assert funnel["closes"] is True
    ids = [step["id"] for step in funnel["steps"]]
    assert ids == ["window", "search", "match", "I1", "I2", "I3", "I4", "E1", "E2", "E3", "E4", "included"]
    for before, after in zip(funnel["steps"], funnel["steps"][1:], strict=False):
        for what in ("patients", "visits"):
            assert before[what] == after[what] + after[f"removed_{what}"]
    assert funnel["steps"][-1]["patients"] == 90
    assert cohortlock("funnel", demo.study, "--json").json == funnel
    assert json.loads((demo.snapshot / "flow.json").read_text(encoding="utf-8"))["steps"] == funnel["steps"]


def test_reviewers_differ_and_are_told_to(demo):
    """They err, so agreement is high and not perfect, and a third person had something to settle."""
    assert demo.told["people"]["arbitrations"] > 10
    assert 0.85 < demo.told["agreement"]["overall"]["kappa"]["value"] < 1


def test_checks_pass_and_the_snapshot_verifies(demo, cohortlock):
    assert demo.told["checks"]["ok"] is True
    said = cohortlock("verify", f"{demo.study}@v1", "--json")
    assert said.code == 0
    assert set(said.json) >= {"ok", "files", "logical_hash", "problems"}
    assert said.json["ok"] is True


def results(demo) -> dict[tuple[str, str, str, str], float]:
    with (Path(demo.told["report"]).parent / "results.csv").open(encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["table", "variable", "group", "timepoint", "statistic", "value", "method", "n"]
    found: dict[tuple[str, str, str, str], float] = {}
    for row in rows:
        key = (row["variable"], row["group"], row["timepoint"], row["statistic"])
        if row["value"]:
            found.setdefault(key, float(row["value"]))
    return found


PRINTED = {
    # (variable, timepoint): mean and SD of responders, then of the others. Source: the paper's Tables 1 and 2.
    ("age", "T0"): ("51.86 10.93", "54.41 12.26"),
    ("course_months", "T0"): ("17.15 8.72", "21.44 10.05"),
    ("bmi", "T0"): ("24.21 2.98", "25.14 3.52"),
    ("vas", "T0"): ("6.62 1.28", "6.12 1.35"),
    ("esr", "T0"): ("30.94 13.21", "23.41 10.62"),
    ("crp", "T0"): ("9.52 5.88", "7.18 4.51"),
    ("vas", "T1"): ("2.45 0.89", "4.56 0.94"),
    ("esr", "T1"): ("11.85 5.12", "18.95 7.24"),
    ("crp", "T1"): ("3.12 1.95", "6.07 2.88"),
    ("vas", "delta"): ("-4.17 0.96", "-1.56 0.81"),
    ("esr", "delta"): ("-19.09 9.37", "-4.46 3.58"),
    ("crp", "delta"): ("-6.40 4.02", "-1.11 1.97"),
}


@pytest.mark.parametrize(("variable", "timepoint"), PRINTED)
def test_every_group_mean_and_sd_stands_as_printed(demo, variable, timepoint):
    """Tables 1 and 2, to the last printed digit."""
    found = results(demo)
    for group, printed in zip(("responder", "nonresponder"), PRINTED[variable, timepoint], strict=True):
        mean, sd = (found[variable, group, timepoint, statistic] for statistic in ("mean", "sd"))
        assert f"{mean:.2f} {sd:.2f}" == printed


def test_the_overall_column_shows_what_the_groups_imply(demo):
    """...and not what the paper prints there, which no 90 patients can give."""
    found = results(demo)
    shown = {
        variable: tuple(f"{found[variable, 'all', 'delta', statistic]:.2f}" for statistic in ("mean", "sd"))
        for variable in ("esr", "vas")
    }
    assert shown == {"esr": ("-13.89", "10.50"), "vas": ("-3.24", "1.55")}


def test_table_3_stands_as_printed(demo):
    """R = 0.65 and 0.28 in the groups; overall what they imply."""
    found = results(demo)
    rounded = {
        group: round(found["esr", group, "delta", "r"], 2) for group in ("all", "responder", "nonresponder")
    }
    assert rounded == {"all": 0.79, "responder": 0.65, "nonresponder": 0.28}


def test_prefect_has_seen_both_flows_and_counts_only(demo):
    """Each task once and completed, three artifacts, the limit on the hospital; parameters are one path."""
    runs = demo.prefect("SELECT name, state_type FROM task_run")
    assert {str(name).rsplit("-", 1)[0] for name, _ in runs} == {
        "pull", "screen", "queue", "reconcile", "check", "lock", "analyse",
    }  # fmt: skip
    assert {state for _, state in runs} == {"COMPLETED"}
    assert {key for (key,) in demo.prefect("SELECT key FROM artifact")} >= {"funnel", "checks", "report"}
    assert demo.prefect('SELECT name, "limit" FROM concurrency_limit_v2') == [("cohortlock-his", 1)]
    for (parameters,) in demo.prefect("SELECT parameters FROM flow_run"):
        given = json.loads(str(parameters))
        assert given.pop("study") == str(demo.study)
        assert not any(given.values())


def test_what_each_task_gave_prefect_is_not_kept(demo):
    """No result is persisted: a manifest is for the next step, not for a store."""
    assert not list(demo.home.glob("storage/*"))
    kinds = demo.prefect(
        "SELECT DISTINCT json_extract(data, '$.type') FROM task_run_state WHERE data IS NOT NULL"
    )
    assert kinds in ([], [("unpersisted",)], [(None,)])


def test_why_tells_both_ways(demo, cohortlock):
    """A patient and a visit, in and out, with reasons; an unknown id is not found."""
    folder = StudyFolder.at(demo.study)
    candidates = pq.read_table(folder.screen / "candidates.parquet").to_pylist()
    participants = set(included(folder.root))
    assert participants
    for state, inside in (("screened_in", True), ("screened_in", False), ("auto_excluded", False)):
        one = next(
            c for c in candidates if c["state"] == state and (c["patient_id"] in participants) is inside
        )
        said = cohortlock("why", demo.study, one["patient_id"], "--json").json
        assert said["in"] is inside
        assert said["basis"] == ("verdicts" if state == "screened_in" else "screening")
        assert said["reasons"]
    assert cohortlock("why", demo.study, one["t0_visit_id"], "--json").json["reasons"]
    assert cohortlock("why", demo.study, "no-such-id", "--json").code == 19


def test_a_locked_study_refuses_another_lock_and_opens_with_a_reason(demo, cohortlock, tmp_path):
    """...and what was signed stays as it is."""
    import shutil

    study = tmp_path / "study"
    shutil.copytree(demo.study, study)
    before = cohortlock("verify", f"{study}@v1", "--json").json
    assert cohortlock("unlock", study, "--json").code == 21
    said = cohortlock("unlock", study, "--reason", "a result was corrected", "--json")
    assert said.json == {"version": 1}
    assert cohortlock("verify", f"{study}@v1", "--json").json == before
    # Opened, the study stands where it stood: the same checks, and nobody's work is asked for again.
    checked = cohortlock("check", study, "--json").json
    assert checked["ok"] is True


def test_export_and_analyse_give_what_the_demo_gave(demo, cohortlock, tmp_path):
    said = cohortlock("export", demo.snapshot, "--out", tmp_path / "export", "--json")
    assert {Path(f).name for f in said.json["files"]} == {"data.csv", "long.csv", "codebook.csv"}
    with (tmp_path / "export" / "data.csv").open(encoding="utf-8-sig") as file:
        assert len(list(csv.DictReader(file))) == 90
    again = cohortlock("analyse", f"{demo.study}@v1", "--out", tmp_path / "report", "--json").json
    first = Path(demo.told["report"]).parent / "results.csv"
    assert Path(again["results"]).read_bytes() == first.read_bytes()
    assert cohortlock("diff", demo.snapshot, demo.snapshot, "--json").json["same"] is True


def test_no_byte_of_a_snapshot_can_be_changed_unseen(demo, cohortlock, tmp_path):
    """One byte of any file, and verify names the file and leaves with its code."""
    import shutil

    snapshot = tmp_path / "v1"
    shutil.copytree(demo.snapshot, snapshot)
    files = sorted(p for p in snapshot.rglob("*") if p.is_file())
    assert len(files) > 10
    for file in files:
        file.chmod(0o644)
        whole = file.read_bytes()
        place = len(whole) // 2
        file.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        said = cohortlock("verify", snapshot, "--json")
        assert said.code == 24
        assert file.relative_to(snapshot).as_posix() in {p["file"] for p in said.json["problems"]}
        file.write_bytes(whole)
    assert cohortlock("verify", snapshot, "--json").code == 0
