"""One or two examples for each verb, shown beneath its options; a test parses every one."""

from __future__ import annotations

EXAMPLES: dict[str, tuple[str, ...]] = {
    "run": ("run quickstart", "run cifar10-fast --seeds 0..4 --workers 2 budget.epochs=10"),
    "status": ("status results/quickstart --watch",),
    "leaderboard": (
        "leaderboard results/cifar10-cpu --columns tau,regret --sort regret",
        "leaderboard results/cifar10-cpu --latex table.tex --csv table.csv",
    ),
    "figures": ("figures results/cifar10-cpu --width icml --highlight one-shot-uniform,gm-nas",),
    "report": ("report results/mine", "report results/mine --baseline results/baselines --out mine.html"),
    "sweep": (
        "sweep results/geometry-map --signal negative_loss --figures plots/geometry-map",
        "sweep results/cifar10-fast results/cifar10-fast-freeze --columns tau,within,with",
    ),
    "compare": (
        "compare results/mine results/baselines/regress --margin 0.02",
        "compare results/mine results/mine/one-shot-uniform --markdown",
    ),
    "score": ("score my_scores.csv --truth accuracy.csv --policy cifar10_test_200",),
    "fuse": ("fuse results/cifar10-cpu/one-shot-uniform/seed-0:accuracy live_flops --truth accuracy.csv",),
    "predict": ("predict synflow naswot --images cifar-10-batches-bin --out results/predictors",),
    "search": (
        "search --latency latency.csv --device pixel3 --max-latency 5 --scores flops --truth accuracy.csv",
        "search --latency latency.csv --device pixel3 --max-latency 5 --scores my_scores.csv:mine --best",
    ),
    "prune": ("prune --latency latency.csv --device pixel3 --window 5 10 --scores my_scores.csv --thresholds 0,0.05",),
    "ls": ("ls methods",),
    "doctor": ("doctor",),
    "check": ("check my_partitioner.py", "check few-shot"),
    "new": ("new partitioner by-depth",),
    "completion": ("completion bash > ~/.local/share/bash-completion/completions/nasbench-harness",),
    "truth import": ("truth import accuracy.csv --to accuracy.npz",),
    "truth info": ("truth info accuracy.npz",),
    "truth compare": ("truth compare accuracy.npz other.csv",),
    "truth export": ("truth export accuracy.npz --to accuracy.parquet",),
    "truth query": ('truth query "|nor_conv_3x3~0|+|none~0|none~1|+|skip_connect~0|none~1|none~2|"',),
    "truth build": ("truth build --to mine.npz --architectures 200 --seeds 2 --workers 2 epochs=20",),
    "truth verify": ("truth verify mine.npz --sample 10",),
    "latency import": ("latency import latency.csv --to latency.npz",),
    "latency measure": ("latency measure --to here.npz --device cpu --architectures plan+200",),
    "latency fit": ("latency fit latency.npz --samples 10 --to predictor.json",),
    "latency plan": ("latency plan --samples 10",),
    "latency info": ("latency info latency.npz",),
    "latency residuals": ("latency residuals predictor.json latency.npz --figures plots",),
    "latency matrix": ("latency matrix latency.csv --device pixel3 --device fpga",),
    "results ls": ("results ls results/cifar10-cpu --wide",),
    "results show": ("results show results/cifar10-cpu/one-shot-uniform/seed-0",),
    "results verify": ("results verify results --truth accuracy.csv",),
    "results protect": ("results protect results",),
    "results rm": ("results rm results/mine/efs-group/seed-0 --yes",),
    "baseline update": ("baseline update results/mine --dry-run",),
    "baseline ls": ("baseline ls results/baselines",),
    "baseline show": ("baseline show results/baselines/regress/close.json",),
    "data fetch": ("data fetch benchmark",),
    "data add": ("data add ~/downloads/cifar-10-binary.tar.gz",),
    "data ls": ("data ls --wide",),
    "data where": ("data where cifar10-binary",),
}


def epilogue(verb: str, exit_codes: str) -> str:
    """What stands beneath the options of ``verb``, as Markdown: its examples, and the exit codes."""
    lines = "\n".join(f"- ``nasbench-harness {line}``" for line in EXAMPLES.get(verb, ()))
    return f"Examples:\n\n{lines}\n\n{exit_codes}" if lines else exit_codes
