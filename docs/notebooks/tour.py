# %% [markdown]
# # A tour: from a truth to a figure
#
# All of it runs on data that ship with the package: scikit-learn's digits, and the accuracies of all 15,625
# architectures of NAS-Bench-201 trained on them. Nothing is downloaded. [python.md](../python.md) explains the calls.

# %%
import matplotlib.pyplot as plt

import nasbench_harness as nh

# %% [markdown]
# ## The truth
#
# One number for each architecture: its test accuracy after stand-alone training, in percent, by our index.

# %%
truth = nh.truth_vector("digits_test_5")
best = int(truth.argmax())
print(truth.shape, f"best {truth[best]:.2f} %")
print(nh.format_architecture(best))

# %%
figure, axis = plt.subplots(figsize=(5, 2.2), layout="constrained")
axis.hist(truth, bins=60)
axis.set(xlabel="accuracy after 5 epochs (%)", ylabel="architectures")
plt.show()

# %% [markdown]
# ## A ranking that needs no training
#
# Before a supernet is trained: how well does counting operations rank? tau-b is 1 for the true order, 0 for none. The
# intervals are a bootstrap over architectures.

# %%
nh.evaluate(nh.space.flops(live=True), "digits_test_5", resamples=20)

# %% [markdown]
# ## Two supernets
#
# The preset `quickstart`, made small enough for seconds: images of 4 x 4 pixels, 4 channels, and a budget of 5 passes
# over the training images. `one-shot-uniform` is a single supernet, `efs-group` divides the space and trains one for
# each part. Such a short training shows the calls, not which method is better.

# %%
experiment = nh.load_experiment(
    "quickstart",
    {"images.size": 4, "network.channels": 4, "budget.epochs": 5, "scoring.images": 50},
)
run = nh.run_experiment(
    experiment,
    "scratch/tour",
    strategies=["one-shot-uniform", "efs-group"],
    progress=None,
    callbacks=[lambda record: print(record.strategy, "is finished")],
)
run

# %% [markdown]
# ## Scores
#
# Each unit has a score for every architecture, beside the leaf that it came from.

# %%
scores = run.scores("efs-group", truth="digits_test_5")
scores.sort("negative_loss", descending=True).drop("index", "arch").head(5)

# %% [markdown]
# ## The figure
#
# Rank by score against true rank: above over all architectures, below among the truly best tenth. The loss tells more
# architectures apart than the accuracy on 50 images does.

# %%
figures = nh.draw(run, "negative_loss")
figures["score_against_truth"]

# %% [markdown]
# ## One architecture
#
# The best by these scores among those of at most 30 MFLOPs, with what the truth says of them.

# %%
nh.best_architectures(scores, cost="flops", max_latency=30, column="negative_loss", truth="digits_test_5", n=3)
