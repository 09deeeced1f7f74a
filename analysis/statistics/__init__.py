"""Statistics: each test a function from arrays to a TestResult.

Conventions are SPSS's and named: Levene about the mean, quartiles by HAVERAGE, asymptotic Z without continuity
correction with the exact P beside it.  None and NaN are missing; what has no answer says so and never raises.
"""

from __future__ import annotations

from analysis.statistics.adjust import benjamini_hochberg, holm
from analysis.statistics.association import Line, kendall, line, pearson, spearman
from analysis.statistics.comparisons import Comparison
from analysis.statistics.counts import chi_square, expected, fisher_exact, mcnemar, rule
from analysis.statistics.describe import Description, describe
from analysis.statistics.imputation import chained, pool
from analysis.statistics.linear import inflation, linear_model
from analysis.statistics.logistic import Logistic, Term, c_statistic, logistic, separated
from analysis.statistics.means import anova, levene, one_sample_t, paired_t, student_t, welch_anova, welch_t
from analysis.statistics.normality import lilliefors, shapiro
from analysis.statistics.rank_tests import dunn, kruskal_wallis, mann_whitney, wilcoxon
from analysis.statistics.regression import ancova, compare_correlations, leave_one_out, partial_correlation
from analysis.statistics.result import TestResult
from analysis.statistics.samples import Values, cut
from analysis.statistics.snk import Snk, snk, snk_from_means, tukey
from analysis.statistics.validation import Validation, validate

__all__ = [
    "Comparison",
    "Description",
    "Line",
    "Logistic",
    "Snk",
    "Term",
    "TestResult",
    "Validation",
    "Values",
    "ancova",
    "anova",
    "benjamini_hochberg",
    "c_statistic",
    "chained",
    "chi_square",
    "compare_correlations",
    "cut",
    "describe",
    "dunn",
    "expected",
    "fisher_exact",
    "holm",
    "inflation",
    "kendall",
    "kruskal_wallis",
    "leave_one_out",
    "levene",
    "lilliefors",
    "line",
    "linear_model",
    "logistic",
    "mann_whitney",
    "mcnemar",
    "one_sample_t",
    "paired_t",
    "partial_correlation",
    "pearson",
    "pool",
    "rule",
    "separated",
    "shapiro",
    "snk",
    "snk_from_means",
    "spearman",
    "student_t",
    "tukey",
    "validate",
    "welch_anova",
    "welch_t",
    "wilcoxon",
]
