"""Pickles of plain numbers, read by an interpreter of our own that can run no code.

A pickle is a program: it names functions, calls them, and sets the state of what they made. Python's own unpickler
restricted to a list of names still lets a file set the state of a real ``numpy.dtype``, which can end the process, and
keeps all objects of a file until its end. So one interpreter reads all pickles here, of images, latencies and the
official archives: it knows the instructions that build plain values, puts functions of our own behind the few names
that such files need, and refuses everything else by name, before anything is called. What a file may make it hold is
bounded in bytes, objects, depth and length of texts.
"""

from nasbench_harness.system.pickles.kinds import ARRAYS, ARRAYS_AND_SCALARS, Kind
from nasbench_harness.system.pickles.reader import DAMAGED, PickleReader
from nasbench_harness.system.pickles.values import Admitted, RefusedError

__all__ = ["ARRAYS", "ARRAYS_AND_SCALARS", "DAMAGED", "Admitted", "Kind", "PickleReader", "RefusedError"]
