"""Random streams: known answers, the same bits on NumPy and JAX, statistics, seeds, splits."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as cr
from chainrule.array import jax_namespace, numpy_namespace, random_bits
from chainrule.array.threefry import threefry

# Threefry-2x32 with 20 rounds: key, counter, result, as published with the Random123 library.
KNOWN = [
    ((0x00000000, 0x00000000), (0x00000000, 0x00000000), (0x6B200159, 0x99BA4EFE)),
    ((0xFFFFFFFF, 0xFFFFFFFF), (0xFFFFFFFF, 0xFFFFFFFF), (0x1CB996FC, 0xBB002BE7)),
    ((0x13198A2E, 0x03707344), (0x243F6A88, 0x85A308D3), (0xC4923A9C, 0x483DF7A0)),
]


@pytest.mark.parametrize(("key", "counter", "expected"), KNOWN)
def test_known_answers(key, counter, expected):
    words = [np.array([word], np.uint32) for word in (*key, *counter)]
    assert tuple(int(word[0]) for word in threefry(*words)) == expected


@pytest.mark.parametrize("shape", [(), (1,), (5,), (3, 4), (0,), (2, 0), (1001,)])
def test_bits_are_the_same_on_numpy_and_jax(shape):
    key, counter = np.array([123456789, 987654321], np.uint32), np.array([41], np.uint32)
    ours = random_bits(numpy_namespace, key, counter, shape)
    theirs = random_bits(jax_namespace(), key, counter, shape)
    assert ours.dtype == np.uint32 and ours.shape == shape
    np.testing.assert_array_equal(ours, np.asarray(theirs))


def test_draws_are_the_same_eagerly_and_compiled():
    eager, compiled = cr.random.Stream(5), cr.random.Stream(5)

    def draw(stream):
        return (
            stream.uniform((4, 3)),
            stream.bernoulli(0.3, (50,)),
            stream.integers(-3, 10, (20,)),
            stream.normal((30,)),
        )

    program = cr.compile(lambda: draw(compiled))
    for _ in range(3):  # the stream goes on from call to call
        for (a, b), exact in zip(zip(draw(eager), program(), strict=True), (True, True, True, False), strict=True):
            if exact:
                np.testing.assert_array_equal(a.numpy(), b.numpy())
            else:
                np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(eager.state.numpy(), compiled.state.numpy())


def test_the_same_seed_gives_the_same_draws_and_another_others():
    a, b, c = cr.random.Stream(7), cr.random.Stream(7), cr.random.Stream(8)
    first = a.uniform((100,)).numpy()
    np.testing.assert_array_equal(first, b.uniform((100,)).numpy())
    assert not (first == c.uniform((100,)).numpy()).any()
    assert not (first == a.uniform((100,)).numpy()).any()  # the next draw is another
    a.seed(7)
    np.testing.assert_array_equal(first, a.uniform((100,)).numpy())


def test_the_first_draws_never_change():
    # Runs are replayed from their seeds: these bits are part of the format.
    assert cr.random.Stream(0).bits((3,)).tolist() == [2664289676, 4133041040, 1719708641]


def test_streams_split_by_purpose():
    stream = cr.random.Stream(0)
    dropout, shuffle = stream.split("dropout"), stream.split("shuffle")
    again = cr.random.Stream(0).split("dropout")
    np.testing.assert_array_equal(dropout.bits((8,)).numpy(), again.bits((8,)).numpy())
    assert not (dropout.bits((8,)).numpy() == shuffle.bits((8,)).numpy()).any()
    assert int(stream.state.numpy()[2]) == 0  # splitting draws nothing


def test_the_default_stream():
    cr.random.seed(3)
    a = [cr.random.uniform((2,)), cr.random.normal((2,)), cr.random.integers(0, 9, (2,)), cr.random.permutation(4)]
    cr.random.seed(3)
    b = [cr.random.uniform((2,)), cr.random.normal((2,)), cr.random.integers(0, 9, (2,)), cr.random.permutation(4)]
    for x, y in zip(a, b, strict=True):
        np.testing.assert_array_equal(x.numpy(), y.numpy())


def test_neither_numpy_nor_python_is_seeded():
    import random

    before = (str(np.random.get_state()), random.getstate())  # noqa: NPY002 - the state that must not change
    cr.random.seed(0)
    cr.random.uniform((3,))
    assert before == (str(np.random.get_state()), random.getstate())  # noqa: NPY002 - the state that must not change


# -- statistics ------------------------------------------------------------------------------------------------------


def test_bits_are_balanced_and_uncorrelated():
    bits = cr.random.Stream(1).bits((200_000,)).numpy()
    ones = [((bits >> k) & 1).mean() for k in range(32)]
    assert max(abs(m - 0.5) for m in ones) < 5 * 0.5 / np.sqrt(len(bits))
    unit = bits / 2.0**32
    assert abs(np.corrcoef(unit[:-1], unit[1:])[0, 1]) < 0.01
    counts = np.bincount(bits & 0xFF, minlength=256)
    chi = ((counts - len(bits) / 256) ** 2 / (len(bits) / 256)).sum()
    assert 150 < chi < 380  # 255 degrees of freedom


@pytest.mark.parametrize("dtype", [cr.float32, cr.float64])
def test_uniform(dtype):
    x = cr.random.Stream(2).uniform((100_000,), -1.0, 3.0, dtype=dtype)
    values = x.numpy()
    assert x.dtype == dtype and values.min() >= -1.0 and values.max() < 3.0
    assert values.mean() == pytest.approx(1.0, abs=0.02)
    assert values.var() == pytest.approx(16 / 12, rel=0.02)


@pytest.mark.parametrize("dtype", [cr.float32, cr.float64])
def test_normal(dtype):
    x = cr.random.Stream(3).normal((100_000,), 2.0, 0.5, dtype=dtype)
    z = (x.numpy() - 2.0) / 0.5
    assert x.dtype == dtype and np.isfinite(z).all()
    assert z.mean() == pytest.approx(0.0, abs=0.02) and z.std() == pytest.approx(1.0, abs=0.02)
    assert (z**3).mean() == pytest.approx(0.0, abs=0.05) and (z**4).mean() == pytest.approx(3.0, abs=0.15)
    assert (np.abs(z) < 1.96).mean() == pytest.approx(0.95, abs=0.005)


def test_bernoulli():
    x = cr.random.Stream(4).bernoulli(0.2, (100_000,))
    assert x.dtype.kind == "b" and x.numpy().mean() == pytest.approx(0.2, abs=0.01)
    assert not cr.random.Stream(4).bernoulli(0.0, (1000,)).numpy().any()
    assert cr.random.Stream(4).bernoulli(1.0, (1000,)).numpy().all()
    with pytest.raises(cr.errors.ConfigError, match="between 0 and 1"):
        cr.random.bernoulli(1.5)


def test_integers():
    values = cr.random.Stream(5).integers(-2, 5, (70_000,)).numpy()
    assert values.dtype == np.int64
    counts = np.bincount(values + 2, minlength=7)
    assert len(counts) == 7 and np.abs(counts / 10_000 - 1).max() < 0.05
    with pytest.raises(cr.errors.ConfigError):
        cr.random.integers(3, 3)
    with pytest.raises(cr.errors.ConfigError):
        cr.random.integers(0, 2**33)


def test_integers_over_the_whole_range():
    values = cr.random.Stream(6).integers(0, 2**32, (1000,)).numpy()
    assert values.min() >= 0 and values.max() < 2**32 and values.max() > 2**31


def test_permutation():
    order = cr.random.Stream(6).permutation(1000).numpy()
    assert sorted(order.tolist()) == list(range(1000))
    assert (order == np.arange(1000)).sum() < 10
    assert cr.random.Stream(6).permutation(0).shape == (0,)


def test_every_place_of_a_permutation_is_equally_likely():
    stream = cr.random.Stream(9)
    firsts = [int(stream.permutation(5)[0]) for _ in range(2000)]
    assert np.abs(np.bincount(firsts, minlength=5) / 400 - 1).max() < 0.2


def test_draws_carry_no_gradient():
    x = cr.tensor([1.0, 2.0], requires_grad=True)
    noise = cr.random.Stream(0).normal((2,))
    assert noise.node is None
    (x * noise).sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), noise.numpy())
