# Every coefficient of a table of two raters, and its standard error by the delta method with a numerical gradient:
# nothing of validate/review/agreement.py is used, neither its formulas of variance nor its code.
# In: JSON-free text, one table a line, "k n11 n12 ... nkk".  Out: one line each, value and standard error of percent,
# kappa, PABAK, AC1 and of specific agreement on each category; NA where there is none.
options(digits = 17)
chance_cohen <- function(p) sum(rowSums(p) * colSums(p))
chance_gwet <- function(p) { s <- (rowSums(p) + colSums(p)) / 2; sum(s * (1 - s)) / (nrow(p) - 1) }
over_chance <- function(p, e) (sum(diag(p)) - e) / (1 - e)
coefficients_of <- function(k) c(list(
  function(p) sum(diag(p)),
  function(p) over_chance(p, chance_cohen(p)),
  function(p) over_chance(p, 1 / k),
  function(p) over_chance(p, chance_gwet(p))),
  lapply(seq_len(k), function(i) function(p) 2 * p[i, i] / (sum(p[i, ]) + sum(p[, i]))))
error_of <- function(f, p, n) {
  step <- 1e-5
  gradient <- vapply(seq_along(p), function(i) {
    above <- p; above[i] <- above[i] + step
    below <- p; below[i] <- below[i] - step
    (f(above) - f(below)) / (2 * step)
  }, 0)
  # Multinomial: the covariance of the shares is (diag(p) - p p') / n.
  sqrt(max(0, sum(gradient^2 * p) - sum(gradient * p)^2) / n)
}
for (line in readLines(file("stdin"))) {
  given <- as.numeric(strsplit(line, " ")[[1]])
  k <- given[1]
  counts <- matrix(given[-1], k, byrow = TRUE)
  n <- sum(counts)
  p <- counts / n
  told <- unlist(lapply(coefficients_of(k), function(f) {
    value <- f(p)
    if (is.finite(value)) c(value, error_of(f, p, n)) else c(NA, NA)
  }))
  cat(told, "\n")
}
