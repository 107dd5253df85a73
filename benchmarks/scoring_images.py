"""How many images must score an architecture? Tau against their number, measured on one trained supernet.

Two steps. ``measure`` runs a stratified sample of architectures on many held-out images and stores what each image says
of each: right or wrong, and the loss. ``curve`` draws sets of images from that, ranks by each set, and says how far tau
is from that of all images. Scores use the statistics of the batch, so an image's answer depends on the others of its
batch: sets are of whole batches, and numbers of images below ``--batch-size`` need a measurement with a smaller one.

    python benchmarks/scoring_images.py measure WEIGHTS --experiment literature-c5 --images DIR --out FOLDER
    python benchmarks/scoring_images.py curve FOLDER --truth accuracy.csv
    python benchmarks/scoring_images.py curve results/literature-c5/scoring-images.json --out plots/literature-c5

``measure`` stores batch by batch: the same command resumes.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import time
from pathlib import Path
from typing import Any, BinaryIO

import images_curve
import images_figure
import numpy as np
import torch
from torch.nn import functional as F

from nasbench_harness.errors import DataError, HarnessError, UsageError
from nasbench_harness.experiment import load_experiment
from nasbench_harness.figures import save_figures
from nasbench_harness.images import ImageSpec, load_image_set
from nasbench_harness.images.batches import DeviceImages
from nasbench_harness.seeding import derive_rng
from nasbench_harness.space import connected, live_cell_of, sample_of_space
from nasbench_harness.supernet.network import Supernet
from nasbench_harness.supernet.scoring.scores import SupernetScorable
from nasbench_harness.supernet.weights import networks_in
from nasbench_harness.system.files import write_atomically, write_json

DESCRIPTION = "measurement.json"


def batch_file(folder: Path, number: int) -> Path:
    """Where the answers on one batch lie."""
    return folder / f"batch-{number:03d}.npz"


@torch.inference_mode()
def measure(network: Supernet, cells: np.ndarray, images: DeviceImages, batch_size: int, folder: Path) -> None:
    """Store for every batch of ``images`` whether each live cell (``[n]``) is right on each image, and its loss.

    A file holds ``correct`` bool and ``loss`` float32, ``[runs, images]``; ``run_of`` ``[n]`` names the run of a cell.
    Files that are there are kept.
    """
    network.eval()
    scorable = SupernetScorable(network)
    on_batch = scorable.engine()
    runs, run_of = scorable.runs(cells)
    batches = -(-len(images) // batch_size)
    for number, (x_NCHW, labels) in enumerate(images.equal_batches(batch_size)):
        path = batch_file(folder, number)
        if path.is_file():
            continue
        start = time.perf_counter()
        answer = on_batch(x_NCHW)
        correct = np.empty((len(runs), len(labels)), dtype=np.bool_)
        loss = np.empty((len(runs), len(labels)), dtype=np.float32)
        for row, run in enumerate(runs):
            logits = answer(run)
            correct[row] = (logits.argmax(1) == labels).cpu().numpy()
            loss[row] = F.cross_entropy(logits, labels, reduction="none").cpu().numpy()
        seconds = time.perf_counter() - start

        def save(stream: BinaryIO, correct: np.ndarray = correct, loss: np.ndarray = loss, s: float = seconds) -> None:
            np.savez(stream, correct=correct, loss=loss, run_of=run_of, seconds=np.array(s))

        write_atomically(path, save)
        each = seconds / (len(runs) * len(labels))
        print(f"batch {number + 1}/{batches}: {seconds:.1f} s, {1e3 * each:.3f} ms a run and image", file=sys.stderr)


def prepare(arguments: argparse.Namespace) -> tuple[Supernet, np.ndarray, DeviceImages, dict[str, Any]]:
    """Network, architectures and images of a measurement, and the description that its files belong to."""
    experiment = load_experiment(arguments.experiment, arguments.overrides)
    networks = networks_in(arguments.weights)
    if len(networks) != 1 or networks[0].shape.copies:
        raise UsageError(f"{arguments.weights}: expected one network without cell copies, found {len(networks)}")
    section = experiment.images
    path = arguments.images if section.name != "digits" else None
    spec = ImageSpec(section.name, path, None, section.split_seed, section.size, section.normalisation)
    images = load_image_set(spec)
    count, size = arguments.scoring_images, arguments.batch_size
    if not 2 * size <= count <= len(images.valid):
        raise UsageError(
            f"--scoring-images {count}: give two batches of {size} to {len(images.valid)}, what is held out"
        )
    # the order of a run's own scoring images: its first N are those that scoring.images = N takes
    held_out = derive_rng(experiment.name, "scoring images").permutation(images.valid)[:count]
    chosen = sample_of_space(arguments.architectures, derive_rng(experiment.name, "sampled architectures"))
    network = networks[0]
    network.precision = experiment.network.precision
    description = {
        "weights_sha256": hashlib.sha256(Path(arguments.weights).read_bytes()).hexdigest(),
        "experiment": experiment.name,
        "images": images.provenance,
        "scoring_images": count,
        "batch_size": size,
        "batches": -(-count // size),
        "architectures": chosen.tolist(),
        "classes": images.n_classes,
        "policy": experiment.truth.policy,
    }
    return network, chosen, DeviceImages(images, held_out), description


def run_measure(arguments: argparse.Namespace) -> None:
    """Measure and store; refuse a folder of another measurement."""
    network, chosen, images, description = prepare(arguments)
    folder = Path(arguments.out)
    described = folder / DESCRIPTION
    description = json.loads(json.dumps(description))
    if described.is_file() and json.loads(described.read_text()) != description:
        raise UsageError(f"{folder} holds another measurement; choose another --out")
    write_json(described, description)
    measure(network, live_cell_of()[chosen[connected()[chosen]]], images, arguments.batch_size, folder)
    print(f"measured: {folder}; python benchmarks/scoring_images.py curve {folder}", file=sys.stderr)


def run_curve(arguments: argparse.Namespace) -> None:
    """Draw the curve of a measurement: a table on stdout, ``curve.json`` and a figure in its folder, or in ``--out``.

    Of a stored ``curve.json`` the table and the figure alone.
    """
    source = Path(arguments.source)
    if source.is_file():
        curve = json.loads(source.read_text())
    elif (source / DESCRIPTION).is_file():
        description = json.loads((source / DESCRIPTION).read_text())
        curve = images_curve.curve_of(source, description, arguments.truth, arguments.policy, arguments.subsets)
        write_json(source / "curve.json", curve)
    else:
        raise DataError(f"{source}: no {DESCRIPTION}; give the folder of a measurement, or a stored curve")
    folder = Path(arguments.out or (source.parent if source.is_file() else source))
    for path in save_figures({"scoring_images": images_figure.draw(curve, arguments.width)}, folder):
        print(path, file=sys.stderr)
    print(json.dumps(curve, indent=1) if arguments.json else images_curve.table(curve))


def parser() -> argparse.ArgumentParser:
    """The command line."""
    whole = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = whole.add_subparsers(required=True)
    one = verbs.add_parser("measure", help="run the architectures on the images, and store what each image says")
    one.add_argument("weights", help="weights of a unit (run --keep-weights), or a checkpoint of its training")
    one.add_argument("overrides", nargs="*", help="changes of single settings, such as images.size=16")
    one.add_argument("--experiment", required=True, help="preset or TOML file that the unit belongs to")
    one.add_argument("--images", help="folder of the official CIFAR-10 files")
    one.add_argument("--out", required=True, help="folder of the measurement")
    one.add_argument("--architectures", type=int, default=1000, help="how many, stratified (default 1000)")
    one.add_argument("--scoring-images", type=int, default=10_000, help="held-out images (default 10000)")
    one.add_argument("--batch-size", type=int, default=500, help="images of a batch (default 500)")
    one.set_defaults(run=run_measure)
    other = verbs.add_parser("curve", help="tau against the number of images")
    other.add_argument("source", help="folder of a measurement, or the JSON file of its curve")
    other.add_argument("--out", help="folder of the figure; none: that of the curve")
    other.add_argument("--width", default="neurips", help="a venue or inches, as for the verb figures")
    other.add_argument("--truth", help="truth table; none: the embedded one")
    other.add_argument("--policy", help="its column; none: that of the experiment")
    other.add_argument("--subsets", type=int, default=60, help="at least so many sets of each size (default 60)")
    other.add_argument("--json", action="store_true", help="the curve as JSON")
    other.set_defaults(run=run_curve)
    return whole


if __name__ == "__main__":
    try:
        chosen_verb = parser().parse_args()
        chosen_verb.run(chosen_verb)
    except HarnessError as error:
        sys.exit(f"scoring_images: {error}")
