"""Sample data for the sandbox: three months of an invented company's usage, invoices and customers, with planted defects.

Load it with `python -m sandbox.sample_data`; `docs/sample-data.md` says what is in it and what is wrong with it.
"""

from __future__ import annotations

from sandbox.sample_data.loading import Loaded, load

__all__ = ["Loaded", "load"]
