"""Assumptions that cannot be used say the line and what to type."""

from __future__ import annotations

import json

import pytest

from analysis.simulation import from_protocol, from_reported, parse
from extract.errors import AssumptionsInvalid, NotFound


@pytest.mark.parametrize(
    ("given", "instead", "said"),
    [
        ("format = 1", "format = 2", "line 2: format"),
        ("n = 90", "n = 2", "line 3: n: Input should be greater than or equal to 4"),
        ("n = 90", "n = 90\nm = 3", "line 4: m: there is no key 'm' here"),
        ("mean = [6.45, 3.12]", "mean = [6.45]", "mean and sd are given for the same timepoints"),
        ("mean = 52.7\nsd = 11.4", "mean = [52.7, 1]\nsd = [11.4, 1]", "is taken once, so mean and sd have 1 number each"),
        ("mean = [28.36, 14.20]\nsd = [12.75, 6.88]", "mean = 28\nsd = 12", "is taken at T0 and T1, so mean and sd have 2 numbers each"),
        ("sd = [1.32, 1.05]", "sd = [1.32, 0]", "an sd is above 0"),
        ("sd = [1.32, 1.05]", "sd = [1.32, nan]", "every number must be finite"),
        ("change_sd = 8.42", "change_sd = 30", "with these SDs the SD of the change lies between 5.87 and 19.63"),
        ("change_sd = 8.42", "change_sd = 8.42\ncorrelation = 0.5", "not both"),
        ("mean = [28.36, 14.20]", "mean = [28.36, -1]", "a lognormal variable has means above 0"),
        ("[variable.vas]", "[variable.vaz]", "study.toml has no variable 'vaz'"),
        ("[variable.vas]", "[variable.vaz]", "vas decides who is a responder, so [variable.vas] must be there"),
        ("1 = 0.54", "1 = 0.64", "the shares add up to 1.1, not to 1"),
        ("1 = 0.54, 2 = 0.46", "3 = 1", "share names codes that are not the variable's; it has 1, 2"),
        ("share = { 1 = 0.54, 2 = 0.46 }", "mean = 1\nsd = 1", "is a category"),
        ('y = "vas"\nchange = 0.6', 'y = "esr"\nchange = 0.6', "esr with itself is [variable.esr] correlation"),
        ('y = "vas"\nchange = 0.6', 'y = "age"', "an association gives change or same_visit"),
        ('x = "course_months"\ny = "vas"', 'x = "course_months"\ny = "age"', "neither variable changes"),
        ('x = "course_months"', 'x = "pain_site"', "drawn by itself"),
        ('x = "course_months"', 'x = "bmi"', "'bmi' has no [variable.bmi] here"),
        ('by = "vas"', "", 'mar and mnar name the variable that decides: by = "vas"'),
        ('by = "vas"', 'by = "age"', "'age' is no variable here that is measured before and after"),
        ("rate = 0.1", "rate = 1", "less than 1"),
        ("change_sd = 8.42", "shift = { 2 = [0, 1] }", "the plan's group is responder, which follows from the changes"),
        ("n = 90", "n = ", "not valid TOML"),
    ],
)  # fmt: skip
def test_a_fault_is_named(protocol, paper_text, given, instead, said):
    assert given in paper_text
    with pytest.raises(AssumptionsInvalid) as error:
        parse(paper_text.replace(given, instead, 1), protocol)
    assert said in error.value.message
    assert "simulation.toml" in error.value.message
    assert "cohortlock simulate STUDY --draft" in error.value.next_step


def test_the_printed_numbers_of_the_protocol_become_assumptions(protocol):
    found = parse(from_protocol(protocol), protocol)
    assert found.n == 90
    assert found.variable["esr"].mean == (28.36, 14.2)
    assert found.variable["esr"].within == pytest.approx(0.792, abs=5e-4)
    assert found.variable["sex"].share == {"1": 0.5444, "2": 0.4556}
    assert found.association[0].change == 0.72
    assert found.source.startswith("numbers printed")


def test_a_papers_numbers_become_assumptions(protocol, tmp_path):
    """As the audit reads them; a name that is not the protocol's is left out."""
    data = {
        "n": {"all": 40, "a": 20, "b": 20},
        "t1": {"vas_t0": [[6, 1.2], [6, 1], [6, 1]], "height": [[170, 9], [1, 1], [1, 1]]},
        "t2": {"vas_t1": [[3, 1.1], [3, 1], [3, 1]], "d_vas": [[-3, 1.3], [3, 1], [3, 1]]},
    }
    file = tmp_path / "reported.json"
    file.write_text(json.dumps(data), encoding="utf-8")
    found = parse(from_reported(file, protocol), protocol)
    assert found.n == 40
    assert list(found.variable) == ["vas"]
    assert found.variable["vas"].change_sd == 1.3


def test_too_few_printed_numbers_are_refused(protocol, tmp_path):
    bare = protocol.model_copy(update={"analysis": protocol.analysis.model_copy(update={"published": {}})})
    with pytest.raises(AssumptionsInvalid, match="not enough for a simulation"):
        from_protocol(bare)
    file = tmp_path / "reported.json"
    file.write_text("{}", encoding="utf-8")
    with pytest.raises(NotFound, match="no file of printed numbers"):
        from_reported(file, protocol)


def test_order_and_comments_do_not_change_what_is_assumed(protocol, paper_text):
    one = parse(paper_text, protocol)
    other = parse("# a remark\n" + paper_text.replace("format = 1\nn = 90", "n = 90\nformat = 1"), protocol)
    assert one.sha256 == other.sha256
    assert one.sha256 != parse(paper_text.replace("n = 90", "n = 91"), protocol).sha256
