"""The report floor: one self-contained page that shows what a run did, and opens offline."""

from __future__ import annotations

from chainrule.report.inside import feature_maps, filters
from chainrule.report.range_test import rates
from chainrule.report.writer import write

__all__ = ["feature_maps", "filters", "rates", "write"]
