"""Update rules: the papers' definitions written out, dialects, groups, state, and what compiled steps need."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import losses, nn, optim
from chainrule.errors import CheckpointError, ConfigError, GradientError

START = np.array([1.0, -2.0, 0.5])


def gradient(x: np.ndarray, t: int) -> np.ndarray:
    """Of x⁴/4 + sin(t)·x, another function every step."""
    return x**3 + np.sin(t)


def run(make: Callable[[list[Any]], optim.Optimizer], rates: list[float]) -> np.ndarray:
    w = nn.Parameter(START, dtype="float64")
    optimizer = make([w])
    for t, rate in enumerate(rates, start=1):
        optimizer.lr = rate
        optimizer.minimize((0.25 * cr.square(cr.square(w)) + float(np.sin(t)) * w).sum())
    return w.numpy()


RATES = [0.1] * 6 + [0.03] * 6


def written_out(name: str) -> np.ndarray:
    """Each rule as its paper has it, in plain NumPy."""
    x, a, b = START.copy(), np.zeros(3), np.zeros(3)
    for t, lr in enumerate(RATES, start=1):
        g = gradient(x, t)
        if name == "sgd":
            x = x - lr * g
        elif name == "momentum":
            a = 0.9 * a + lr * g
            x = x - a
        elif name == "adagrad":
            a = a + g**2
            x = x - lr * g / (np.sqrt(a) + 1e-10)
        elif name == "adagrad_keras":
            a = (0.1 if t == 1 else a) + g**2
            x = x - lr * g / np.sqrt(a + 1e-7)
        elif name == "rmsprop":
            a = 0.9 * a + 0.1 * g**2
            x = x - lr * g / (np.sqrt(a) + 1e-8)
        elif name == "rmsprop_keras":
            a = 0.9 * a + 0.1 * g**2
            x = x - lr * g / np.sqrt(a + 1e-7)
        elif name in ("adam", "adamw", "adam_keras"):
            a, b = 0.9 * a + 0.1 * g, 0.999 * b + 0.001 * g**2
            if name == "adam_keras":
                x = x - lr * np.sqrt(1 - 0.999**t) / (1 - 0.9**t) * a / (np.sqrt(b) + 1e-7)
            else:
                step = lr * (a / (1 - 0.9**t)) / (np.sqrt(b / (1 - 0.999**t)) + 1e-8)
                # The paper's decay follows the schedule's multiplier alone, whatever the learning rate itself is.
                x = x - step - (lr / RATES[0] * 0.005 * x if name == "adamw" else 0)
        elif name == "adadelta":
            a = 0.95 * a + 0.05 * g**2
            step = np.sqrt(b + 1e-6) / np.sqrt(a + 1e-6) * g
            b = 0.95 * b + 0.05 * step**2
            x = x - lr * step
        elif name == "lion":
            x, a = x - lr * (np.sign(0.9 * a + 0.1 * g) + 0.1 * x), 0.99 * a + 0.01 * g
    return x


@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("sgd", lambda p: optim.SGD(p)),
        ("momentum", lambda p: optim.Momentum(p)),
        ("momentum", lambda p: optim.Momentum(p, dialect="keras")),
        ("adagrad", lambda p: optim.AdaGrad(p)),
        ("adagrad_keras", lambda p: optim.AdaGrad(p, dialect="keras")),
        ("rmsprop", lambda p: optim.RMSProp(p)),
        ("rmsprop_keras", lambda p: optim.RMSProp(p, dialect="keras")),
        ("adam", lambda p: optim.Adam(p)),
        ("adam_keras", lambda p: optim.Adam(p, dialect="keras")),
        ("adamw", lambda p: optim.AdamW(p, RATES[0], weight_decay=0.005)),
        ("adadelta", lambda p: optim.AdaDelta(p)),
        ("lion", lambda p: optim.Lion(p, weight_decay=0.1)),
    ],
)
def test_is_the_definition(name: str, make: Any) -> None:
    np.testing.assert_allclose(run(make, RATES), written_out(name), rtol=1e-11)


def test_dialects_differ_where_they_say() -> None:
    for rule in (optim.Momentum, optim.RMSProp, optim.Adam, optim.AdaGrad, optim.AdaDelta):
        one, other = ("paper", "keras") if rule in (optim.Adam, optim.AdaGrad) else ("paper", "pytorch")
        assert (
            run(lambda p, r=rule, d=one: r(p, dialect=d), RATES)
            != run(lambda p, r=rule, d=other: r(p, dialect=d), RATES)
        ).any()
    constant = [0.1] * 12
    np.testing.assert_allclose(
        run(lambda p: optim.Momentum(p), constant),
        run(lambda p: optim.Momentum(p, dialect="pytorch"), constant),
        rtol=1e-12,
    )


def test_nesterovs_two_forms_are_one_sequence() -> None:
    """The reparametrised parameters are the look-ahead points of the other form."""
    theta, phi = nn.Parameter(START, dtype="float64"), nn.Parameter(START, dtype="float64")
    ahead = optim.Nesterov([theta], 0.02, 0.9, form="look-ahead")
    moved = optim.Nesterov([phi], 0.02, 0.9)
    x, v = START.copy(), np.zeros(3)
    for t in range(1, 20):
        v_before = v
        v = 0.9 * v + 0.02 * gradient(x - 0.9 * v, t)
        x = x - v
        assert (v != v_before).any()
        ahead.minimize(lambda t=t: (0.25 * cr.square(cr.square(theta)) + float(np.sin(t)) * theta).sum())
        moved.minimize((0.25 * cr.square(cr.square(phi)) + float(np.sin(t)) * phi).sum())
        np.testing.assert_allclose(theta.numpy(), x, rtol=1e-10)
        np.testing.assert_allclose(phi.numpy(), x - 0.9 * v, rtol=1e-10)


@pytest.mark.parametrize("dialect", ["paper", "pytorch"])
def test_nesterovs_forms_agree_with_decay_and_embeddings(dialect: str) -> None:
    """From rest both start at the same point; after any step the reparametrised one is ahead by the velocity."""
    tables = [nn.Embedding(4, 2, dtype="float64") for _ in range(2)]
    tables[1].load_state_dict(tables[0].state_dict())
    ids = np.array([0, 2, 2])
    options: dict[str, Any] = {"weight_decay": 0.1, "dialect": dialect}
    ahead = optim.Nesterov(tables[0].parameters(), 0.05, 0.8, form="look-ahead", **options)
    moved = optim.Nesterov(tables[1].parameters(), 0.05, 0.8, **options)
    step = cr.compile(lambda ids: ahead.minimize(lambda: cr.square(tables[0](ids)).sum()))
    for _ in range(4):
        step(ids)
        moved.minimize(cr.square(tables[1](ids)).sum())
    velocity = ahead.state_dict()["0.velocity"] * (0.05 if dialect == "pytorch" else 1.0)
    np.testing.assert_allclose(tables[1].weight.numpy(), tables[0].weight.numpy() - 0.8 * velocity, rtol=1e-12)


def test_nesterov_look_ahead_needs_a_function_and_restores_on_failure() -> None:
    w = nn.Parameter([1.0])
    optimizer = optim.Nesterov([w], 0.1, form="look-ahead")
    with pytest.raises(ConfigError, match="minimize"):
        optimizer.step()
    with pytest.raises(ConfigError, match="lambda"):
        optimizer.minimize((w * w).sum())
    optimizer.minimize(lambda: (w * w).sum())
    held = w.tolist()

    def failing() -> Any:
        raise ValueError("a batch that is broken")

    with pytest.raises(ValueError, match="broken"):
        optimizer.minimize(failing)
    assert w.tolist() == held
    with pytest.raises(ConfigError, match="look-ahead"):
        optim.Nesterov([w], form="forward")


def test_the_rate_can_be_set_without_a_new_compilation() -> None:
    w = nn.Parameter([1.0])
    optimizer = optim.SGD([w], lr=1.0)
    step = cr.compile(lambda: optimizer.minimize((2.0 * w).sum()))
    step()
    optimizer.lr = 0.1
    assert float(optimizer.lr) == 0.1  # in float64
    step()
    assert w.tolist() == [pytest.approx(1.0 - 2.0 - 0.2)]
    assert len(step.compilations) == 1
    rates = np.array([0.5, 0.25])

    @cr.compile
    def scheduled(rate: Any) -> Any:
        optimizer.lr = rate
        return optimizer.minimize((2.0 * w).sum())

    before = float(w[0])
    scheduled.scan(rates)
    assert float(w[0]) == pytest.approx(before - 1.5)
    assert float(optimizer.lr) == 0.25
    for wrong in (-0.1, float("nan"), float("inf")):
        with pytest.raises(ConfigError, match="learning rate"):
            optimizer.lr = wrong


def test_minimize_leaves_no_gradient_and_touches_only_its_parameters() -> None:
    a, b, c = (nn.Parameter([1.0]) for _ in range(3))
    a.grad = cr.tensor([100.0])
    optimizer = optim.SGD([a, c], lr=0.5)
    loss = optimizer.minimize((a * b).sum())
    assert float(loss) == 1.0
    assert a.tolist() == [0.5] and b.tolist() == [1.0] and c.tolist() == [1.0]
    assert a.grad is None and b.grad is None
    assert int(optimizer.count) == 1


def test_step_uses_grad_and_accumulates_over_micro_batches() -> None:
    w = nn.Parameter([1.0])
    optimizer = optim.SGD([w], lr=1.0)
    for part in (0.25, 0.5):
        (w * part).sum().backward()
    optimizer.step()
    assert w.tolist() == [0.25] and w.grad is not None
    optimizer.zero_grad()
    assert w.grad is None


def test_no_gradient_anywhere_is_an_error() -> None:
    w, other = nn.Parameter([1.0]), nn.Parameter([1.0])
    optimizer = optim.SGD([w])
    with pytest.raises(GradientError, match=r"fix: loss\.backward\(\) before step"):
        optimizer.step()
    with pytest.raises(GradientError, match="None of the 1 parameters"):
        optimizer.minimize((other * 2.0).sum())
    w.requires_grad = False
    with pytest.raises(GradientError):
        optimizer.minimize((w * other).sum())
    assert int(optimizer.count) == 0


def test_frozen_parameters_stay_and_freezing_recompiles() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 1))
    optimizer = optim.Adam(model.parameters(), lr=0.1, weight_decay=0.1)
    step = cr.compile(lambda x: optimizer.minimize(cr.square(model(x)).sum()))
    x = cr.ones((3, 2))
    step(x)
    model[0].freeze()
    before = model.state_dict()
    step(x)
    after = model.state_dict()
    assert [bool((after[k] == before[k]).all()) for k in before] == [True, True, False, False]
    assert len(step.compilations) == 2


def test_groups_have_their_own_hyperparameters() -> None:
    a, b = nn.Parameter([1.0]), nn.Parameter([1.0])
    optimizer = optim.Momentum([{"params": [a], "lr": 0.5}, {"params": b, "momentum": 0.0}], lr=0.1)
    for _ in range(2):
        optimizer.minimize((a + b).sum())
    assert float(a[0]) == pytest.approx(1 - 0.5 - 0.95) and float(b[0]) == pytest.approx(0.8)
    optimizer.lr = 0.2
    assert [float(group.lr) for group in optimizer.groups] == [0.2, 0.2]
    assert "momentum=0.0" in repr(optimizer)


def test_decay_groups_leave_out_biases_and_norms() -> None:
    model = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm(3))
    weights, rest = optim.decay_groups(model.parameters(), 0.1)
    assert [p.name for p in weights["params"]] == ["0.weight"]
    assert [p.name for p in rest["params"]] == ["0.bias", "1.weight", "1.bias"]
    assert len(optim.decay_groups([nn.Parameter([1.0])], 0.1)) == 1
    with pytest.raises(ConfigError):
        optim.decay_groups([], 0.1)


@pytest.mark.parametrize("name", sorted(optim.OPTIMIZERS))
def test_state_goes_out_and_in_bit_for_bit(name: str) -> None:
    def made() -> tuple[Any, optim.Optimizer, Any]:
        cr.random.seed(1)
        model = nn.Linear(3, 2)
        optimizer = optim.make(name, model.parameters())
        x = cr.random.normal((5, 3))
        return model, optimizer, lambda: optimizer.minimize(cr.square(model(x)).sum())

    one, first, step_one = made()
    two, second, step_two = made()
    for _ in range(4):
        step_one()
    first.lr = 0.0123
    weights, state = one.state_dict(), first.state_dict()
    for _ in range(3):
        step_one()
    two.load_state_dict(weights)
    second.load_state_dict(state)
    assert int(second.count) == 4 and float(second.lr) == 0.0123
    for _ in range(3):
        step_two()
    for key, value in one.state_dict().items():
        np.testing.assert_array_equal(two.state_dict()[key], value)
    for key, value in first.state_dict().items():
        np.testing.assert_array_equal(second.state_dict()[key], value)


def test_a_state_of_another_rule_is_refused() -> None:
    model = nn.Linear(3, 2)
    adam, momentum = optim.Adam(model.parameters()), optim.Momentum(model.parameters())
    with pytest.raises(CheckpointError) as caught:
        momentum.load_state_dict(adam.state_dict())
    assert "missing: 0.velocity" in str(caught.value) and "unexpected: 0.m" in str(caught.value)
    other = optim.Adam(nn.Linear(4, 2).parameters())
    with pytest.raises(CheckpointError, match=r"wrong shape: 0.m is \(3, 2\) here and \(4, 2\)"):
        adam.load_state_dict(other.state_dict())
    assert int(adam.count) == 0


def test_the_state_is_of_the_parameters_dtype() -> None:
    for dtype in ("float32", "float64", "bfloat16"):
        w = nn.Parameter(np.ones(4), dtype=dtype)
        optimizer = optim.Adam([w], lr=0.125)
        optimizer.minimize(cr.astype(w * w, cr.float32).sum() if dtype == "bfloat16" else (w * w).sum())
        assert w.dtype.name == dtype
        assert {v.dtype.name for k, v in optimizer.named_variables() if k[0] == "0"} == {dtype}
        np.testing.assert_allclose(w.numpy().astype("d"), 0.875, rtol=1e-2)
        assert optimizer.lr.dtype == cr.float64 and optimizer.count.dtype == cr.int64


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda w: optim.Adam([]), "no parameters"),
        (lambda w: optim.Adam(w), "list of parameters"),
        (lambda w: optim.Adam([w, w]), "twice"),
        (lambda w: optim.Adam([cr.ones((2,))]), "floating Variables"),
        (lambda w: optim.Adam([cr.Variable(np.array([1, 2]))]), "floating Variables"),
        (lambda w: optim.Adam([w], lr=-1.0), "lr is a number of at least 0"),
        (lambda w: optim.Adam([w], betas=(1.0, 0.9)), "beta1"),
        (lambda w: optim.Adam([w], epsilon=-1), "epsilon"),
        (lambda w: optim.Momentum([w], momentum=1.0), "momentum"),
        (lambda w: optim.SGD([w], weight_decay=-0.1), "weight_decay"),
        (lambda w: optim.SGD([w], dialect="torch"), "Did you mean 'pytorch'"),
        (lambda w: optim.SGD([w], clip_norm=0.0), "clip_norm"),
        (lambda w: optim.SGD([w], momentum=0.9), r"optim\.Momentum\("),
        (lambda w: optim.SGD([{"params": [w], "learning": 1}]), "no option 'learning'"),
        (lambda w: optim.make("adamm", [w]), "Did you mean 'adam'"),
        (lambda w: optim.make("adam", [w], beta=1), "no option 'beta'"),
    ],
)
def test_nonsense_is_refused(make: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        make(nn.Parameter([1.0, 2.0]))


def test_adamw_warns_of_pytorchs_weight_decay_in_the_papers_form() -> None:
    w = nn.Parameter([1.0])
    with pytest.warns(UserWarning, match="dialect='pytorch'"):
        optim.AdamW([w], weight_decay=0.01)
    optim.AdamW([w])
    optim.AdamW([w], weight_decay=0.1, dialect="pytorch")


def test_no_optimizer_is_made_inside_a_compiled_function() -> None:
    w = nn.Parameter([1.0])

    @cr.compile
    def careless() -> Any:
        return optim.Adam([w]).minimize((w * w).sum())

    with pytest.raises(cr.errors.CompileError):
        careless()


@pytest.mark.parametrize("name", sorted(optim.OPTIMIZERS))
def test_the_second_compiled_step_does_not_compile(name: str) -> None:
    cr.random.seed(0)
    model = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Dropout(0.1), nn.Linear(8, 1), nn.Flatten(0))
    optimizer = optim.make(name, model.parameters(), clip_norm=1.0)
    x, y = cr.tensor([[0.0, 0], [0, 1], [1, 0], [1, 1]]), cr.tensor([0.0, 1, 1, 0])

    @cr.compile
    def step(x: Any, y: Any) -> Any:
        return optimizer.minimize(losses.binary_cross_entropy(model(x), y))

    values = [float(step(x, y)) for _ in range(5)]
    assert len(step.compilations) == 1
    assert np.isfinite(values).all() and len(set(values)) == 5


def test_xor_is_learned() -> None:
    cr.random.seed(0)
    model = nn.Sequential(nn.Linear(2, 16), nn.Tanh(), nn.Linear(16, 1), nn.Flatten(0))
    optimizer = optim.Adam(model.parameters(), lr=0.05)
    x, y = cr.tensor([[0.0, 0], [0, 1], [1, 0], [1, 1]]), cr.tensor([0.0, 1, 1, 0])
    for _ in range(150):
        loss = optimizer.minimize(losses.binary_cross_entropy(model(x), y))
    assert float(loss) < 0.05


def test_adafactor_in_float32_where_a_row_and_a_column_never_had_a_gradient():
    w = nn.Parameter(np.ones((3, 4), np.float32))
    optimizer = optim.Adafactor([w], lr=0.1)
    used = np.array([[1, 1, 1, 0], [1, 1, 1, 0], [0, 0, 0, 0]], np.float32)
    for _ in range(5):
        optimizer.minimize((w * used).sum())
    assert np.isfinite(w.numpy()).all()
    np.testing.assert_array_equal(w.numpy()[used == 0], 1.0)
    assert (w.numpy()[used == 1] < 1.0).all()
