"""`python -m chainrule` is `chainrule`."""

from __future__ import annotations

import sys

from chainrule.cli import main

sys.exit(main())
