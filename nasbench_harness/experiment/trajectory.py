"""When and how many architectures are scored while networks train: the section ``scoring.trajectory``."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, SerializerFunctionWrapHandler, field_validator, model_serializer

from nasbench_harness.errors import UsageError
from nasbench_harness.space import N_ARCHITECTURES, SMALLEST_SAMPLE

MOST_POINTS = 1000


class TrajectorySection(BaseModel):
    """Points of the budget at which a sample of ``architectures`` is scored while networks train.

    ``points``: a number n for n equal stretches; or a list, increasing, either of fractions of the budget (up to 1) or
    of architecture-updates (above 1). ``images``: how many of the scoring images are used, the first; none: all.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    points: tuple[float, ...]
    architectures: int = Field(ge=SMALLEST_SAMPLE, le=N_ARCHITECTURES)
    images: int | None = Field(None, gt=1)

    @model_serializer(mode="wrap")
    def _without_images_unless_set(self, serialise: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """So that identities from before it was a setting stay."""
        values: dict[str, Any] = serialise(self)
        return {name: value for name, value in values.items() if name != "images" or value is not None}

    @field_validator("points", mode="before")
    @classmethod
    def _equal_stretches(cls, points: Any) -> Any:
        if not isinstance(points, int) or isinstance(points, bool):
            return points
        if not 1 <= points <= MOST_POINTS:
            raise ValueError(f"a number of points is 1 to {MOST_POINTS}")
        return tuple((number + 1) / points for number in range(points))

    @field_validator("points")
    @classmethod
    def _increasing(cls, points: tuple[float, ...]) -> tuple[float, ...]:
        if not points or len(points) > MOST_POINTS:
            raise ValueError(f"give 1 to {MOST_POINTS} points")
        if min(points) <= 0 or any(later <= earlier for earlier, later in pairwise(points)):
            raise ValueError("points lie above 0 and increase")
        if min(points) <= 1 < max(points):
            raise ValueError("points are all fractions of the budget (up to 1) or all architecture-updates (above 1)")
        broken = [point for point in points if point > 1 and not point.is_integer()]
        if broken:
            raise ValueError(
                f"{broken[0]:g} is neither a fraction of the budget (up to 1) nor whole architecture-updates"
            )
        return points

    def fractions(self, budget: int) -> tuple[float, ...]:
        """The points as fractions of a budget of architecture-updates; ``UsageError`` for one beyond it."""
        if max(self.points) <= 1:
            return self.points
        if max(self.points) > budget:
            raise UsageError(
                f"scoring.trajectory.points: {max(self.points):,.0f} architecture-updates lie beyond the budget of "
                f"{budget:,}"
            )
        return tuple(point / budget for point in self.points)
