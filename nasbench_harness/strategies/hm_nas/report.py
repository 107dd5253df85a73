"""What HM-NAS came to, once the truth is known: how much is masked, the architecture it derives, how good that is."""

from __future__ import annotations

from typing import Any

import numpy as np

from nasbench_harness.strategies.hm_nas.rankings import additive_ceiling


def masking_report(details: dict[str, Any], true_A: np.ndarray) -> dict[str, Any]:
    """The analysis of a record, as plain JSON, from its ``details``.

    ``true_A``: float ``[15625]``, NaN where the truth has no value. ``projected``: true accuracy of the derived
    architecture in percent, its regret, and its ``rank`` (1 is the best, equals share it) among the ``of`` known ones;
    ``None`` where the truth does not know it. ``headline``: the method's own result in words, and the signal that is
    its own ranking: S3, or S1 where nothing is masked. ``additive_ceiling``: see there.
    """
    derived = float(true_A[details["projected"]["index"]])
    known_N = true_A[~np.isnan(true_A)]
    known = not np.isnan(derived)
    found = {
        "truth": derived if known else None,
        "regret": float(known_N.max()) - derived if known else None,
        "rank": 1 + int((known_N > derived).sum()) if known else None,
        "of": len(known_N),
    }
    masks = details.get("masks")
    text = f"derives {details['projected']['architecture']}"
    if known:
        text += f", {derived:.2f} %, place {found['rank']:,} of {found['of']:,}"
    if masks is not None:
        text = "; ".join([_masked(masks), text])
    signal = "masked_importance" if masks is None else "mask_logits"
    return {
        "additive_ceiling": additive_ceiling(true_A),
        "projected": found,
        "headline": {"text": text, "signal": signal},
    }


def _masked(masks: dict[str, dict[str, int]]) -> str:
    counts = ", ".join(f"{row['masked']:,} of {row['of']:,} {level}" for level, row in masks.items())
    return f"masks {counts}"
