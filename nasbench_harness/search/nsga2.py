"""The evolution proper: pymoo's NSGA-II with operators for cells of six edges. Imported only when a search runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from pymoo.algorithms.moo.nsga2 import NSGA2, binary_tournament
from pymoo.core.mating import Mating
from pymoo.core.mutation import Mutation
from pymoo.core.problem import Problem
from pymoo.operators.crossover.pntx import TwoPointCrossover
from pymoo.operators.selection.tournament import TournamentSelection
from pymoo.termination.max_gen import MaximumGenerationTermination

from nasbench_harness.search.settings import Evaluate, FloatArray, IntArray, SearchSettings
from nasbench_harness.space import N_EDGES, N_OPERATIONS, code_to_index, index_to_code
from nasbench_harness.system.progress import Progress

BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Outcome:
    """``population_P``: our indices of the last population; ``generations`` bred; ``discarded`` children."""

    population_P: IntArray
    generations: int
    discarded: int


class _Cells(Problem):  # type: ignore[misc]
    """Six integer genes, two objectives to be small: minus the score, and the cost."""

    def __init__(self, evaluate: Evaluate, cost_A: FloatArray) -> None:
        super().__init__(n_var=N_EDGES, n_obj=2, xl=0, xu=N_OPERATIONS - 1, vtype=int)
        self._scores, self._cost_A = evaluate, cost_A

    def _evaluate(self, x: npt.NDArray[Any], out: dict[str, Any], *args: object, **kwargs: object) -> None:
        index_N = code_to_index(x)
        out["F"] = np.column_stack([-self._scores(index_N), self._cost_A[index_N]])


class _Resample(Mutation):  # type: ignore[misc]
    """Each gene with the given probability drawn again from the operations that its edge still has."""

    def __init__(self, probability: float, used_EO: BoolArray) -> None:
        super().__init__()
        self._probability = probability
        self._operations = [np.flatnonzero(used_O) for used_O in used_EO]

    def _do(self, problem: Problem, X: npt.NDArray[Any], *args: object, **kwargs: Any) -> npt.NDArray[Any]:
        rng = kwargs["random_state"]
        drawn_NE = np.column_stack([rng.choice(operations, len(X)) for operations in self._operations])
        return np.where(rng.random(X.shape) < self._probability, drawn_NE, X)


class _InsideWindow(Mating):  # type: ignore[misc]
    """Mating that drops children outside; pymoo then breeds again for the missing ones, up to a number of tries."""

    def __init__(self, allowed_A: BoolArray, **options: Any) -> None:
        super().__init__(**options)
        self._allowed_A = allowed_A
        self.discarded = 0

    def _do(self, *args: Any, **kwargs: Any) -> Any:
        children = super()._do(*args, **kwargs)
        inside_N = self._allowed_A[code_to_index(children.get("X"))]
        self.discarded += int((~inside_N).sum())
        return children[inside_N]


def evolve(
    first_P: IntArray,
    scores: Evaluate,
    cost_A: FloatArray,
    allowed_A: BoolArray,
    used_EO: BoolArray,
    rng: np.random.Generator,
    settings: SearchSettings,
    progress: Progress,
) -> Outcome:
    """Breed from ``first_P`` for the settings' generations; ends early when no new child can be found."""
    algorithm = NSGA2(pop_size=len(first_P), sampling=index_to_code(first_P).astype(int))
    mating = _InsideWindow(
        allowed_A,
        selection=TournamentSelection(func_comp=binary_tournament),
        crossover=TwoPointCrossover(prob=settings.crossover_probability),
        mutation=_Resample(settings.mutation_probability, used_EO),
        eliminate_duplicates=algorithm.eliminate_duplicates,
        n_max_iterations=settings.tries,
    )
    algorithm.mating = mating
    # the first population is pymoo's generation 1
    termination = MaximumGenerationTermination(settings.generations + 1)
    algorithm.setup(_Cells(scores, cost_A), termination=termination, seed=int(rng.integers(2**31)))
    generations = -1
    while algorithm.has_next():
        children = algorithm.ask()
        if children is None or not len(children):
            break
        algorithm.evaluator.eval(algorithm.problem, children, algorithm=algorithm)
        algorithm.tell(infills=children)
        generations += 1
        progress.advance(1)
    return Outcome(code_to_index(algorithm.pop.get("X")), generations, mating.discarded)
