"""Ranks of labels: ties and NaN count against the model; a label that is no class is refused."""

import jax.numpy as jnp
import numpy as np
import pytest

import effjax
from effjax.config import View
from effjax.errors import UserError
from effjax.tasks.accuracy import Accuracy, is_class, rank_of_label

NAN, INF = np.nan, np.inf


@pytest.mark.parametrize(
    ("logits", "label", "rank"),
    [
        ([3.0, 2.0, 1.0], 0, 1),
        ([3.0, 2.0, 1.0], 2, 3),
        ([1.0, 1.0, 0.0], 0, 2),  # a tie
        ([3.0, -INF, 1.0], 0, 1),  # a class that is ruled out
        ([NAN, NAN, NAN], 0, None),
        ([3.0, NAN, 1.0], 0, None),
        ([INF, 0.0, 0.0], 0, None),
        ([3.0, -INF, 1.0], 1, None),
    ],
)
def test_rank(logits, label, rank):
    found = rank_of_label(jnp.asarray([logits]), jnp.asarray([label]))[0]
    assert found == rank if rank else found > 1000


def test_which_labels_are_classes():
    np.testing.assert_array_equal(
        is_class(jnp.asarray([-1, 0, 2, 3]), 3), [False, True, True, False]
    )


def evaluated(predict, **batch):
    config = effjax.default_config()
    config.data.update(name="synthetic", image_size=8, batch_size=8, synthetic_examples=8)
    view = View(config)
    evaluator = Accuracy(predict, view, view.evals.val)
    return dict(evaluator({"params": {}}, None, [batch]))


def test_nan_is_no_hit_and_few_classes_do_not_hide_it():
    found = evaluated(
        lambda variables, batch: jnp.full((6, 6), NAN),
        label=np.arange(6),
        mask=np.ones(6, np.float32),
    )
    assert (found["top1"], found["top5"]) == (0.0, 0.0)
    assert np.isnan(found["loss"])


def test_a_label_that_is_no_class_is_refused_unless_it_is_padding():
    logits = lambda variables, batch: jnp.zeros((3, 4)).at[:, 1].set(1.0)  # noqa: E731
    labels = np.array([1, 1, 7])
    found = evaluated(logits, label=labels, mask=np.array([1, 1, 0], np.float32))
    assert found["top1"] == 1.0
    assert "top5" not in found  # of four classes it would always be 1
    with pytest.raises(UserError, match="1 of 3 examples of 'validation' have labels"):
        evaluated(logits, label=labels, mask=np.ones(3, np.float32))
