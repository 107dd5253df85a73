"""Image sets as arrays: CIFAR-10 from its official files, and the digits that come with scikit-learn."""

from nasbench_harness.images.sets import ImageSet, ImageSpec, load_image_set

__all__ = ["ImageSet", "ImageSpec", "load_image_set"]
