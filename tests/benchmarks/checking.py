"""The same checks of a Parquet file by ours or by the library alone: ``checking.py ours|theirs|complete FILE``.

The last line is how many checks fail, and nothing else, so that all three must agree.
"""

from __future__ import annotations

import sys

import pandas as pd

from extract.study.protocol import Label
from validate.checks import engine
from validate.checks.rules import Rule
from validate.checks.run import evaluate


def rules(names: list[str]) -> list[Rule]:
    """Kinds in turn; every sixth, a range that one value in a hundred is above, fails."""
    found = []
    for place, name in enumerate(names):
        form = [
            ("expect_column_values_to_be_between", {"column": name, "min_value": 0, "max_value": 98}),
            ("expect_column_values_to_be_between", {"column": name, "min_value": 0, "max_value": 99}),
            ("expect_column_values_to_be_in_set", {"column": name, "value_set": list(range(100))}),
            ("expect_column_values_to_not_be_null", {"column": name}),
            (
                "expect_column_pair_values_to_be_equal",
                {"column_A": name, "column_B": name, "ignore_row_if": "both_values_are_missing"},
            ),
            ("expect_column_values_to_not_be_in_set", {"column": name, "value_set": [-1]}),
        ][place % 6]
        label = Label(zh="甲", en="a")
        found.append(Rule(f"r{place}", "own", "error", "values", *form, label, (name,)))
    return found


def by_library(frame: pd.DataFrame, asked: list[Rule], result_format: object) -> int:
    """The library as its own documentation runs a suite."""
    gx = engine.load()
    context = gx.get_context(mode="ephemeral")
    batch = (
        context.data_sources.add_pandas("study")
        .add_dataframe_asset("frame")
        .add_batch_definition_whole_dataframe("whole")
        .get_batch({"dataframe": frame})
    )
    made = [
        getattr(gx.expectations, "".join(p.capitalize() for p in r.expectation.split("_")))(**r.arguments)
        for r in asked
    ]
    suite = gx.ExpectationSuite(name="study", expectations=made)
    return sum(not one.success for one in batch.validate(suite, result_format=result_format).results)


def by_ours(frame: pd.DataFrame, asked: list[Rule]) -> int:
    """Ours, with the keys of every row that fails."""
    nothing = frame.iloc[:0]
    names = ("participants", "long", "verdicts", "funnel")
    results = evaluate(asked, {**dict.fromkeys(names, nothing), "values": frame})
    assert all(r.keys for r in results if r.status == "fail")
    assert all(r.rows == len(frame) for r in results)
    return sum(r.status == "fail" for r in results)


def run(way: str, frame: pd.DataFrame, asked: list[Rule]) -> str:
    """How many checks of ``frame`` fail, by the way that is named."""
    complete = {"result_format": "COMPLETE", "unexpected_index_column_names": ["key"]}
    if way == "ours":
        failed = by_ours(frame, asked)
    else:
        failed = by_library(frame, asked, "BOOLEAN_ONLY" if way == "theirs" else complete)
    return f"{failed} of {len(asked)} checks fail"


def main() -> None:
    """Check the file that is named."""
    way, path = sys.argv[1:]
    frame = pd.read_parquet(path)
    said = run(way, frame, rules([name for name in frame.columns if name != "key"]))
    sys.stdout.write(said + "\n")


if __name__ == "__main__":
    main()
