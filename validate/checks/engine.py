"""Great Expectations as the engine: the only module that loads it, and only when checks run.

It is asked for yes or no (``BOOLEAN_ONLY``): its fuller results carry values of the data, which must not
leave the study.  The context is ephemeral, so it writes nothing, and its analytics are off.
"""

from __future__ import annotations

import logging
import os
import sys
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import pandas as pd

from validate.checks.rules import Rule

__all__ = ["load", "verdicts"]


def load() -> Any:
    """The library, imported on first use (5 to 15 seconds)."""
    # Read by the library when a context is made; an operator's own setting stands.
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "False")
    with _quiet(), _without_spark():
        import great_expectations
        import great_expectations.expectations

    # This one sets a level of its own, and tells of every temporary folder that it makes.
    logging.getLogger("great_expectations.data_context.types.base").setLevel(logging.WARNING)
    return great_expectations


@contextmanager
def _without_spark() -> Iterator[None]:
    """Imports fail for what of Spark is not loaded yet.

    The library imports all of it where it is installed, which takes seconds and is used by no check; and
    ``pyspark.sql.connect`` ends a process that has no main module and no grpc.
    """
    absent = {"pyspark", "pyspark.sql.connect", "pyspark.sql.connect.dataframe"} - set(sys.modules)
    sys.modules.update(dict.fromkeys(absent))  # type: ignore[arg-type]  # None is how an import is refused
    try:
        yield
    finally:
        for name in absent:
            del sys.modules[name]


@contextmanager
def _quiet() -> Iterator[None]:
    logger = logging.getLogger("great_expectations")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


def verdicts(frame: pd.DataFrame, rules: Sequence[Rule]) -> Mapping[str, bool | None]:
    """Rule id -> whether it holds over ``frame``; None when the engine could not tell.

    The engine's own message is dropped: it may quote the data.
    """
    gx = load()
    with _quiet():
        context = _context(gx)
        batch = (
            context.data_sources.add_pandas("study")
            .add_dataframe_asset("frame")
            .add_batch_definition_whole_dataframe("whole")
            .get_batch({"dataframe": frame})
        )
        suite = gx.ExpectationSuite(name="study", expectations=[_expectation(gx, rule) for rule in rules])
        found: dict[str, bool | None] = {rule.id: None for rule in rules}
        for result in batch.validate(suite, result_format="BOOLEAN_ONLY").results:
            rule_id = str(result.expectation_config.meta["rule"])
            found[rule_id] = None if _raised(result.exception_info) else bool(result.success)
    return found


def _context(gx: Any) -> Any:
    """A context in memory: the library's default one makes a folder for Data Docs under /tmp each time."""
    from great_expectations.data_context.types import base

    config = base.DataContextConfig(
        store_backend_defaults=base.InMemoryStoreBackendDefaults(init_temp_docs_sites=False),
        analytics_enabled=False,
        progress_bars=base.ProgressBarsConfig(globally=False, metric_calculations=False),
    )
    return gx.get_context(mode="ephemeral", project_config=config)


def _expectation(gx: Any, rule: Rule) -> Any:
    name = "".join(part.capitalize() for part in rule.expectation.split("_"))
    return getattr(gx.expectations, name)(**rule.arguments, meta={"rule": rule.id})


def _raised(info: Any) -> bool:
    """Whether an exception was caught: the flag stands at the top, or once per metric below it."""
    if not isinstance(info, Mapping):
        return False
    if info.get("raised_exception"):
        return True
    return any(isinstance(part, Mapping) and part.get("raised_exception") for part in info.values())
