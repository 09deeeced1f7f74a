"""Statistics: each test a function from arrays to a TestResult.

Conventions are SPSS's and named: Levene about the mean, quartiles by HAVERAGE, asymptotic Z without continuity
correction with the exact P beside it.  None and NaN are missing; what has no answer says so and never raises.
"""

from __future__ import annotations

from analysis.statistics.adjust import benjamini_hochberg, holm
from analysis.statistics.association import Line, kendall, line, pearson, spearman
from analysis.statistics.comparisons import Comparison
from analysis.statistics.counts import chi_square, expected, fisher_exact, rule
from analysis.statistics.describe import Description, describe
from analysis.statistics.means import anova, levene, one_sample_t, paired_t, student_t, welch_t
from analysis.statistics.normality import lilliefors, shapiro
from analysis.statistics.rank_tests import dunn, kruskal_wallis, mann_whitney, wilcoxon
from analysis.statistics.regression import ancova, compare_correlations, leave_one_out, partial_correlation
from analysis.statistics.result import TestResult
from analysis.statistics.snk import Snk, snk, snk_from_means, tukey

__all__ = [
    "Comparison",
    "Description",
    "Line",
    "Snk",
    "TestResult",
    "ancova",
    "anova",
    "benjamini_hochberg",
    "chi_square",
    "compare_correlations",
    "describe",
    "dunn",
    "expected",
    "fisher_exact",
    "holm",
    "kendall",
    "kruskal_wallis",
    "leave_one_out",
    "levene",
    "lilliefors",
    "line",
    "mann_whitney",
    "one_sample_t",
    "paired_t",
    "partial_correlation",
    "pearson",
    "rule",
    "shapiro",
    "snk",
    "snk_from_means",
    "spearman",
    "student_t",
    "tukey",
    "welch_t",
    "wilcoxon",
]
