# ---- what the lines below call; base R alone ----

found <- data.frame(table = character(), variable = character(), group = character(), timepoint = character(),
                    of = character(), method = character(), statistic = character(), value = numeric())

put <- function(key, method, ...) {
  values <- c(...)
  values <- values[is.finite(values)]
  if (length(values) == 0) return(invisible())
  found <<- rbind(found, data.frame(table = key[1], variable = key[2], group = key[3], timepoint = key[4], of = key[5],
                                    method = method, statistic = names(values), value = unname(values)))
}

# A test that has no answer for these numbers leaves no row, as in the report.
try_put <- function(expr) tryCatch(expr, error = function(e) invisible())

# n, mean, SD, median and SPSS's HAVERAGE quartiles, which are R's type 6.
level <- function(key, v) {
  v <- v[!is.na(v)]
  put(key, "values that are there", n = length(v))
  if (length(v) == 0) return(invisible())
  put(key, "arithmetic mean", mean = mean(v))
  put(key, "standard deviation, n - 1", sd = sd(v))
  put(key, "median", median = median(v))
  put(key, "quartile, HAVERAGE", q1 = unname(quantile(v, 0.25, type = 6)), q3 = unname(quantile(v, 0.75, type = 6)))
}

mean_interval <- function(key, v) try_put({
  ci <- t.test(v)$conf.int
  put(key, "95% interval of the mean, t", ci_low = ci[1], ci_high = ci[2])
})

normal <- function(key, v) try_put({
  put(key, "Shapiro-Wilk", p = shapiro.test(v)$p.value)
})

one_t <- function(key, method, v) try_put({
  a <- t.test(v)
  put(key, method, t = unname(a$statistic), df = unname(a$parameter), p = a$p.value)
})

# Zero differences dropped, Z corrected for ties and not for continuity, as in SPSS.
signed_rank <- function(key, v) try_put({
  v <- v[!is.na(v) & v != 0]
  r <- rank(abs(v))
  z <- (sum(r[v > 0]) - sum(r) / 2) / sqrt(sum(r^2) / 4)
  put(key, "Wilcoxon signed-rank test", z = z,
      p = wilcox.test(v, exact = FALSE, correct = FALSE)$p.value)
})

two_t <- function(key, method, v, w, equal) try_put({
  a <- t.test(v, w, var.equal = equal)
  put(key, method, t = unname(a$statistic), df = unname(a$parameter), p = a$p.value,
      estimate = unname(a$estimate[1] - a$estimate[2]), ci_low = a$conf.int[1], ci_high = a$conf.int[2])
})

mann_whitney <- function(key, v, w) try_put({
  v <- v[!is.na(v)]; w <- w[!is.na(w)]
  a <- wilcox.test(v, w, exact = FALSE, correct = FALSE)
  u <- unname(a$statistic)
  put(key, "Mann-Whitney U test", u = min(u, length(v) * length(w) - u), p = a$p.value,
      z = sign(u - length(v) * length(w) / 2) * qnorm(a$p.value / 2, lower.tail = FALSE))
})

stack_up <- function(groups) {
  data.frame(v = unlist(groups), g = factor(rep(seq_along(groups), lengths(groups))))
}

levene <- function(key, groups) try_put({
  s <- na.omit(stack_up(groups))
  s$d <- abs(s$v - ave(s$v, s$g))
  a <- anova(lm(d ~ g, s))
  put(key, "Levene test (mean-centred)", f = a$F[1], df = a$Df[1], df2 = a$Df[2], p = a$"Pr(>F)"[1])
})

several <- function(key, groups) {
  s <- na.omit(stack_up(groups))
  try_put({
    a <- anova(lm(v ~ g, s))
    put(key, "one-way ANOVA", f = a$F[1], df = a$Df[1], df2 = a$Df[2], p = a$"Pr(>F)"[1])
  })
  try_put({
    k <- kruskal.test(v ~ g, s)
    put(key, "Kruskal-Wallis H test", h = unname(k$statistic), df = unname(k$parameter), p = k$p.value)
  })
}

# Counts: rows are categories, columns groups; rows and columns without anybody are left out.
counts <- function(key, m) {
  m <- m[rowSums(m) > 0, colSums(m) > 0, drop = FALSE]
  if (min(dim(m)) < 2) return(invisible())
  try_put({
    a <- suppressWarnings(chisq.test(m, correct = FALSE))
    put(key, "Pearson chi-square", chi2 = unname(a$statistic), df = unname(a$parameter), p = a$p.value,
        expected_min = min(a$expected))
    g <- 2 * sum(ifelse(m > 0, m * log(m / a$expected), 0))
    put(key, "likelihood-ratio chi-square", chi2 = g, df = unname(a$parameter),
        p = pchisq(g, a$parameter, lower.tail = FALSE))
  })
  if (all(dim(m) == 2)) try_put({
    a <- suppressWarnings(chisq.test(m, correct = TRUE))
    put(key, "chi-square with Yates's correction", chi2 = unname(a$statistic), p = a$p.value)
  })
  try_put(put(key, "Fisher exact test", p = fisher.test(m, workspace = 2e7)$p.value))
}

correlate <- function(key, method, x, y, kind) try_put({
  both <- !is.na(x) & !is.na(y)
  a <- suppressWarnings(cor.test(x[both], y[both], method = kind, exact = FALSE))
  r <- unname(a$estimate)
  n <- sum(both)
  if (kind == "pearson") {
    put(key, method, r = r, t = unname(a$statistic), df = unname(a$parameter), p = a$p.value, r2 = r^2,
        ci_low = a$conf.int[1], ci_high = a$conf.int[2])
  } else if (kind == "spearman") {
    put(key, method, r = r, t = r * sqrt((n - 2) / (1 - r^2)), df = n - 2, p = a$p.value)
  } else {
    put(key, method, r = r, z = unname(a$statistic), p = a$p.value)
  }
})

fitted_line <- function(key, method, x, y) try_put({
  b <- coef(lm(y ~ x))
  put(key, method, slope = unname(b[2]), intercept = unname(b[1]))
})

# The last value between groups at one first value; then the test that the slopes are equal.
covariance <- function(key, groups) try_put({
  s <- na.omit(data.frame(x = unlist(lapply(groups, `[[`, 1)), y = unlist(lapply(groups, `[[`, 2)),
                          g = factor(rep(seq_along(groups), sapply(groups, function(a) length(a[[1]]))))))
  together <- lm(y ~ x + g, s)
  a <- anova(lm(y ~ x, s), together)
  put(key, "analysis of covariance", f = a$F[2], df = a$Df[2], df2 = a$Res.Df[2], p = a$"Pr(>F)"[2],
      p_slopes = anova(together, lm(y ~ x * g, s))$"Pr(>F)"[2])
  if (nlevels(s$g) == 2) {
    b <- -coef(together)["g2"]
    ci <- -rev(confint(together)["g2", ])
    put(key, "analysis of covariance", estimate = unname(b), ci_low = unname(ci[1]), ci_high = unname(ci[2]))
  }
})

partial <- function(key, method, x, y, given) try_put({
  s <- na.omit(data.frame(x = x, y = y, given))
  r <- cor(resid(lm(x ~ . - y, s)), resid(lm(y ~ . - x, s)))
  df <- nrow(s) - 2 - ncol(given)
  t <- r * sqrt(df / (1 - r^2))
  half <- qnorm(0.975) / sqrt(nrow(s) - ncol(given) - 3)
  put(key, method, r = r, t = t, df = df, p = 2 * pt(abs(t), df, lower.tail = FALSE), r2 = r^2,
      ci_low = tanh(atanh(r) - half), ci_high = tanh(atanh(r) + half))
})

left_out <- function(key, method, x, y) try_put({
  both <- which(!is.na(x) & !is.na(y))
  each <- sapply(both, function(i) cor(x[setdiff(both, i)], y[setdiff(both, i)]))
  put(key, method, r_least = min(each), r_greatest = max(each))
})

holds <- function(codes, code) grepl(paste0("(^|;)", code, "(;|$)"), ifelse(is.na(codes), "", codes))

# The model of response: complete rows, Wald's tests and intervals, as SPSS prints them.
response_model <- function(y, x) {
  s <- na.omit(data.frame(y = y, x))
  list(s = s, fit = tryCatch(glm(y ~ ., binomial, s, epsilon = 1e-14, maxit = 100), error = function(e) NULL))
}

coefficient <- function(key, method, m, j) try_put({
  b <- coef(summary(m$fit))[j + 1, ]
  ends <- b[1] + c(-1, 1) * qnorm(0.975) * b[2]
  put(key, method, b = unname(b[1]), odds_ratio = exp(unname(b[1])), ci_low = exp(ends[1]), ci_high = exp(ends[2]),
      p = unname(b[4]))
})

inflation <- function(key, method, m, j) try_put({
  x <- m$s[-1]
  r2 <- if (ncol(x) > 1) summary(lm(x[[j]] ~ as.matrix(x[-j])))$r.squared else 0
  put(key, method, vif = 1 / (1 - r2))
})

model_overall <- function(key, method, m, statistic) try_put({
  y <- m$s$y
  events <- min(sum(y), sum(1 - y))
  score <- predict(m$fit)
  ones <- sum(y)
  c <- (sum(rank(score)[y == 1]) - ones * (ones + 1) / 2) / (ones * (length(y) - ones))
  found <- c(n = length(y), events = events, epv = events / (ncol(m$s) - 1), c = c)
  if (statistic %in% names(found)) put(key, method, found[statistic])
})
