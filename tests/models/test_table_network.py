"""TableNetwork: numbers and categories into one network."""

import numpy as np

import chainrule as cr
from chainrule import models


def test_a_category_that_training_never_saw_adds_nothing():
    model = models.TableNetwork(2, [5, 3], [], 1, squeeze=True)
    numbers = np.ones((1, 2), np.float32)
    known = model(numbers, np.array([[2, 1]], np.int32))
    unknown = model(numbers, np.array([[0, 0]], np.int32))
    weight, bias = (p.numpy() for p in model.mlp.parameters())
    np.testing.assert_allclose(unknown.numpy(), (numbers @ weight[:2])[:, 0] + bias, rtol=1e-6)
    assert abs(float(known[0]) - float(unknown[0])) > 0


def test_categories_alone_and_numbers_alone():
    assert models.TableNetwork(0, [4], [8], 3)(np.zeros((2, 0), np.float32), np.zeros((2, 1), np.int32)).shape == (2, 3)
    assert models.TableNetwork(2, [], [8], 3)(cr.zeros((2, 2))).shape == (2, 3)
