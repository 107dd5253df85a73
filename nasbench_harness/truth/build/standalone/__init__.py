"""Train many stand-alone NAS-Bench-201 networks, each with its own weights, several in one forward pass.

Networks this small cost more in calls than in arithmetic, so the seeds of one architecture run side by side (see
``models``). No model ever reads another one's numbers: a model's result depends on its architecture, its seed and the
recipe, up to the order of float additions.

A seed fixes the initial weights, layer by layer, and the order and shifts of the images. Architectures with the same
seed share both (stem, reduction blocks, classifier and equal edges start alike), so that they differ by their cells.
"""

from nasbench_harness.truth.build.standalone.models import Models
from nasbench_harness.truth.build.standalone.recipe import Recipe, recipe_from
from nasbench_harness.truth.build.standalone.training import StandaloneResult, train_standalone

__all__ = ["Models", "Recipe", "StandaloneResult", "recipe_from", "train_standalone"]
