"""Benchmarks: chainrule and its peers on the same work, alternating in one run; only ratios are quoted."""
