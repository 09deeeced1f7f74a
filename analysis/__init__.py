"""Analysis: a locked snapshot becomes results, tables, figures and a report."""
