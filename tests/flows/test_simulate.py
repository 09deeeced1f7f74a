"""`cohortlock simulate`: from a protocol to power, without any data."""

from __future__ import annotations

import json
from importlib.resources import files

import pytest

FEW = ("--replications", 100)


@pytest.fixture
def study(tmp_path):
    folder = tmp_path / "study"
    folder.mkdir()
    text = (files("extract.study") / "templates" / "esr-pain" / "study.toml").read_text(encoding="utf-8")
    (folder / "study.toml").write_text(text, encoding="utf-8")
    return folder


def test_a_draft_is_written_changed_and_simulated(cohortlock, study, tmp_path):
    """The printed numbers become a file, which a person changes; the figure and the JSON stand in the folder."""
    draft = study / "simulation.toml"
    assert cohortlock("simulate", study, "--draft", draft, "--json").json == {"draft": str(draft)}
    again = cohortlock("simulate", study, "--draft", draft)
    assert again.code == 20
    draft.write_text(draft.read_text(encoding="utf-8").replace("n = 90", "n = 40"), encoding="utf-8")
    told = cohortlock("simulate", study, *FEW, "--out", tmp_path / "out", "--json").json
    assert told["n"] == 40
    assert told["proof"]["differ"] == []
    kept = json.loads((tmp_path / "out" / "simulation.json").read_text(encoding="utf-8"))
    assert kept["questions"] == told["questions"]
    assert {f.name for f in (tmp_path / "out").iterdir()} == {
        "simulation.json", "power-zh.svg", "power-zh.png", "power-en.svg", "power-en.png",
    }  # fmt: skip


@pytest.mark.parametrize(("language", "head"), [("zh_CN.UTF-8", "按假设"), ("C", "As assumed")])
def test_a_person_reads_tables_in_the_language_of_the_terminal(
    cohortlock, study, monkeypatch, language, head
):
    """...and that power from a study's own results argues for nothing."""
    monkeypatch.setenv("LC_ALL", language)
    said = cohortlock("simulate", study, *FEW)
    assert said.code == 0
    assert said.out.startswith(head)
    assert "Hoenig" in said.out


def test_bad_input_is_one_sentence_and_a_code(cohortlock, study, tmp_path):
    """No numbers at all; a file that is not there; both sources at once; a fault in a line."""
    file = study / "simulation.toml"
    file.write_text("format = 1\nn = 90\n[variable.vas]\nmean = [6, 3]\nsd = [1, -1]\n", encoding="utf-8")
    said = cohortlock("simulate", study, "--json")
    assert (said.code, said.json["error"]["slug"]) == (31, "assumptions-invalid")
    assert "line 3: variable.vas: an sd is above 0" in said.err
    assert cohortlock("simulate", study, "--assumptions", tmp_path / "none.toml").code == 31
    assert cohortlock("simulate", study, "--from", tmp_path / "none.json").code == 19
    assert cohortlock("simulate", study, "--from", file, "--assumptions", file).code == 2
    assert cohortlock("simulate", tmp_path).code == 19
    assert cohortlock("simulate", study, "--replications", 5).code == 2
    file.unlink()
    text = (study / "study.toml").read_text(encoding="utf-8")
    (study / "study.toml").write_text(text.split("[analysis.published]")[0], encoding="utf-8")
    said = cohortlock("simulate", study)
    assert said.code == 31
    assert "docs/simulate.md" in said.err
