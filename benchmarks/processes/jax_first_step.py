"""One jitted step of a small MLP by JAX and Optax; prints how long the import took."""

import time

started = time.perf_counter()
import jax  # noqa: E402 (what is measured)
import numpy as np  # noqa: E402
import optax  # noqa: E402

print(f"{time.perf_counter() - started:.2f} s")
rng = np.random.default_rng(0)
x, y = rng.normal(size=(32, 64)).astype(np.float32), np.arange(32, dtype=np.int32) % 10
first = [
    (rng.normal(size=(n, m)).astype(np.float32) * np.sqrt(2 / n).astype(np.float32), np.zeros(m, np.float32))
    for n, m in ((64, 128), (128, 64), (64, 10))
]
rule = optax.adam(1e-3)


def loss_of(parameters, x, y):
    *hidden, last = parameters
    for weight, bias in hidden:
        x = jax.nn.relu(x @ weight + bias)
    return optax.softmax_cross_entropy_with_integer_labels(x @ last[0] + last[1], y).mean()


@jax.jit
def step(parameters, memory, x, y):
    loss, slope = jax.value_and_grad(loss_of)(parameters, x, y)
    change, memory = rule.update(slope, memory, parameters)
    return optax.apply_updates(parameters, change), memory, loss


float(step(first, jax.jit(rule.init)(first), x, y)[2])
