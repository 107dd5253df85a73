"""A run as one HTML page that needs nothing from elsewhere."""

from nasbench_harness.report.page.document import MOST_BYTES, Page, build_page

__all__ = ["MOST_BYTES", "Page", "build_page"]
