#!/usr/bin/env bash
# Expected: optax.losses.multiclass_generalized_dice_loss is the generalised Dice loss of the paper that it cites (Sudre
# et al., 2017): 1 - 2 sum_c w_c overlap_c / sum_c w_c (predicted_c + true_c), w_c = 1 / true_c^2. The paper doesn't say
# what a class counts that the labels don't show; whatever it is, a perfect prediction is told from a wrong one.
# Seen (optax 0.2.8, jax 0.10.2): with three classes that all occur, it does: 0.0001 for perfect logits, 0.997 for
# logits in which every pixel has another class. With a fourth class that no pixel shows, perfect and wrong logits have
# the same loss, 0.0227, to six digits: the absent class has the weight 1 / 1e-7, the others 1 / true_c^2, here about
# 1e-5, and weights are divided by their sum. So nearly the whole loss, and its gradient (the same for perfect and for
# wrong logits in the absent class), says that the absent class is not to be predicted. (The formula of the paper over
# the classes that occur gives 0.0001 and 1.0.) It is also not one ratio of sums, but a mean of the classes' own ratios.
# Also seen: dice_loss and multiclass_generalized_dice_loss with apply_softmax=False can't be compiled
# (TracerBoolConversionError in jax.jit), and binary_dice_loss with apply_sigmoid=False refuses maps of probabilities,
# since it wants them to sum to 1 along an axis of length 1: only a map of ones passes.
# Who meets it: whoever trains segmentation with it where a batch does not show every class, which is the usual case.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6 optax==0.2.8
JAX_PLATFORMS=cpu "$folder/venv/bin/python" - <<'PYTHON'
import jax
import jax.numpy as jnp
import numpy as np
import optax
from optax.losses import binary_dice_loss, dice_loss, multiclass_generalized_dice_loss

labels = np.zeros((1, 32, 32), int)
labels[:, :16], labels[:, :, 20:] = 1, 2  # three classes, each with 320 pixels or more


def paper(logits, truth):
    """Sudre et al., 2017, over the classes that occur."""
    p, axes = jax.nn.softmax(logits), (0, 1, 2)
    sizes = truth.sum(axes)
    weights = jnp.where(sizes > 0, 1 / jnp.maximum(sizes, 1) ** 2, 0)
    return 1 - 2 * (weights * (p * truth).sum(axes)).sum() / (weights * (p + truth).sum(axes)).sum()


def losses(classes):
    """The loss of perfect logits and of logits in which every pixel has another class; the same by the paper."""
    truth = jax.nn.one_hot(labels, classes)
    right, wrong = 10 * truth - 5, 10 * jax.nn.one_hot((labels + 1) % 3, classes) - 5
    return [float(f(x, truth)) for f in (multiclass_generalized_dice_loss, paper) for x in (right, wrong)]


def error(call):
    try:
        return f"a loss of {call()}"
    except Exception as raised:
        return type(raised).__name__


print("jax", jax.__version__, "optax", optax.__version__, "pixels of each class:", np.bincount(labels.ravel()))
for classes in (3, 4):
    found = "perfect {:.6f}, wrong {:.6f}; by the paper {:.6f}, {:.6f}".format(*losses(classes))
    print(f"{classes} classes, 3 occur: {found}")
truth = jax.nn.one_hot(labels, 3)
p = jax.nn.softmax(truth)
compiled = [
    error(lambda: jax.jit(lambda p: loss(p, truth, apply_softmax=False))(p))
    for loss in (dice_loss, multiclass_generalized_dice_loss)
]
refused = [error(lambda: binary_dice_loss(x, truth[..., 0], apply_sigmoid=False)) for x in (p[..., 0], p[..., 0] ** 0)]
print("apply_softmax=False in jit:", compiled, "| apply_sigmoid=False, probabilities and ones:", refused)
truth = jax.nn.one_hot(labels, 4)
perfect, other = (
    jax.grad(multiclass_generalized_dice_loss)(x, truth)[..., 3]
    for x in (10 * truth - 5, 10 * jax.nn.one_hot((labels + 1) % 3, 4) - 5)
)
change = float(abs(perfect - other).max() / abs(perfect).max())
print(f"gradient of the absent class: that of wrong logits differs from that of perfect ones by {change:.0e} of it")

right, wrong, paper_right, paper_wrong = losses(3)
assert right < 0.01 and wrong > 0.9 and paper_right < 0.01 and paper_wrong > 0.9, "with all classes it differs"
right, wrong, paper_right, paper_wrong = losses(4)
assert abs(right - wrong) < 1e-6 and right < 0.1 and paper_right < 0.01 and paper_wrong > 0.9, "the behaviour changed"
assert all("Tracer" in text for text in compiled), "the behaviour changed"
assert refused[0] == "ValueError" and "a loss" in refused[1], "the behaviour changed"
assert change < 1e-3, "the behaviour changed"
PYTHON
