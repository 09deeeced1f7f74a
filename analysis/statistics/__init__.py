"""Statistics: each test a function from arrays to a TestResult."""
