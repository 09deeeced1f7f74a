"""diagnose and explore as a person types them: table, JSON and figure, and no patient in any of them."""

from __future__ import annotations

import json


def test_the_diagnostics_are_a_table_a_figure_and_json(cohortlock, study, tmp_path):
    assert cohortlock("pull", study).code == 0
    said = cohortlock("diagnose", study, "--out", tmp_path / "out", "--json").json
    assert said["matched"] == sum(one["visits"] for one in said["together"])
    assert said["associated"]
    assert said["coded"]
    files = {file.name: file for file in (tmp_path / "out").iterdir()}
    assert set(files) == {"diagnostics.json", "diagnostics.svg", "diagnostics.png"}
    assert json.loads(files["diagnostics.json"].read_text(encoding="utf-8"))["terms"] == said["terms"]
    assert files["diagnostics.svg"].read_text(encoding="utf-8").count("<path") > 50
    assert files["diagnostics.png"].read_bytes().startswith(b"\x89PNG")
    told = cohortlock("diagnose", study).out
    assert "not in the expression" in told
    quick = cohortlock("explore", study, "--json").json
    assert quick["matched"] == said["matched"]
    shown = cohortlock("explore", study, "--term", "腰痛", "--examples", 2)
    assert shown.out.count("腰痛: …") == 2
    assert "●" in shown.out
