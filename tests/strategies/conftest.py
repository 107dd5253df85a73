"""The digits images, which need no download."""

from __future__ import annotations

import pytest

from nasbench_harness.images import ImageSet, ImageSpec, load_image_set


@pytest.fixture(scope="session")
def digits() -> ImageSet:
    return load_image_set(ImageSpec("digits"))
