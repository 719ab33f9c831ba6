"""Models trained as their papers say, on the papers' data: what was reached here beside what was published."""
