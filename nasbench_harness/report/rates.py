"""Tables of power and of the A/A test in a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nasbench_harness.evidence import PowerTable, SelfTest
from nasbench_harness.report.tables import Column, print_table
from nasbench_harness.report.verdicts import prior_note

if TYPE_CHECKING:
    from rich.console import Console


def print_power(table: PowerTable, console: Console | None = None) -> None:
    """Two tables: a single test by numbers of seeds, and the gate with its looks."""
    columns = [Column("seeds", tuple(f"{n} v {m}" for n, m in table.rows), 0)]
    for place, effect in enumerate(table.effects):
        columns.append(Column(f"drop {effect:g}", tuple(f"{row[place]:.2f}" for row in table.rows.values()), 0))
    note = (
        f'candidate v baseline; one test at {100 * table.rules.alpha:g} %. Equal means are called "not worse than m" '
        "as often as a drop of m is found."
    )
    print_table("Chance that a true loss is found", columns, [note, prior_note(table.spread)], len(table.rows), console)
    rows = [(m, loss, chances) for m, found in table.plan.items() for loss, chances in found.items()]
    columns = [
        Column("baseline", tuple(str(m) for m, _, _ in rows), 0),
        Column("true loss", tuple(f"{loss:g}" for _, loss, _ in rows), 0),
        Column("worse", tuple(f"{worse:.2f}" for _, _, (worse, _) in rows), 0),
        Column("not worse", tuple(f"{good:.2f}" for _, _, (_, good) in rows), 0),
        Column("undecided", tuple(f"{1 - worse - good:.2f}" for _, _, (worse, good) in rows), 0),
    ]
    looks = " and ".join(map(str, table.rules.looks))
    notes = [f'one strategy, looked at with {looks} seeds, margin {table.rules.margin:g}; "better" is in "not worse".']
    print_table("Verdicts of a gate", columns, notes, len(rows), console)


def print_self_test(found: SelfTest, console: Console | None = None) -> None:
    """Rates of false alarms by strategy, and of the whole gate beside the claimed one."""
    columns = [
        Column("strategy", tuple(found.rates), 0),
        Column("seeds", tuple(str(found.seeds[name]) for name in found.rates), 0),
        Column("false alarms", tuple(f"{100 * rate:.1f} %" for rate in found.rates.values()), 0),
    ]
    claimed = f"{100 * found.claimed:g} %"
    spread = (
        ""
        if found.interval is None
        else " [{:.1f}, {:.1f}] over strategies".format(*(100 * end for end in found.interval))
    )
    notes = [
        f"{found.splits} splits in halves, of which neither is worse; one test claims {claimed}: "
        f"{100 * found.rate:.1f} %{spread}.",
        f'the whole gate claims at most {claimed} with any "worse": {100 * found.gate_rate:.1f} %.',
        prior_note(found.prior),
    ]
    print_table(f"A/A test of {found.source}", columns, notes, len(found.rates), console)
