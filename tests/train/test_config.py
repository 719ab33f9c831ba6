"""Config: what cannot be is refused at once, before any data are read."""

import pytest

from chainrule import data, train
from chainrule.errors import ConfigError
from chainrule.optim import OPTIMIZERS
from chainrule.train import COURSES, Config, choices, pipeline


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("optimizer.name", "adm", "There is no optimizer 'adm'. Did you mean 'adam'"),
        ("schedule.name", "cosin", "There is no schedule 'cosin'. Did you mean 'cosine'"),
        ("model.name", "mlpp", "There is no model 'mlpp'. Did you mean 'mlp'"),
        ("model.activation", "rleu", "There is no activation 'rleu'. Did you mean 'relu'"),
        ("data.task", "class", "There is no task 'class'. Did you mean 'classification'"),
        ("optimizer.lr", -1.0, "optimizer.lr must be above 0, got -1.0"),
        ("trainer.epochs", 2.5, "trainer.epochs must be int, got 2.5"),
        ("schedule.warmup", 1.5, "schedule.warmup must be from 0 to 1, got 1.5"),
        ("schedule.start_factor", 0.0, "schedule.start_factor must be above 0 and at most 1, got 0.0"),
        ("schedule.milestones", [0.5, 30.0], "schedule.milestones must be shares from 0 to 1, got [0.5, 30.0]"),
        ("schedule.milestones", 0.5, "schedule.milestones must be list, got 0.5"),
    ],
)
def test_wrong_values_are_refused_however_they_come_in(option, value, message):
    config = Config()
    with pytest.raises(ConfigError) as caught:
        config.set(option, value)
    assert message in str(caught.value)
    section, name = option.split(".")
    setattr(getattr(config, section), name, value)
    config.data.source = "no-such-file.csv"  # which would be refused too, but later
    with pytest.raises(ConfigError) as caught:
        train.train(config, progress=False)
    assert message in str(caught.value)


def test_every_known_name_can_be_built():
    assert set(choices._USUAL) == set(OPTIMIZERS)
    for name in COURSES:
        config = Config()
        config.schedule.name, config.optimizer.lr, config.trainer.epochs = name, 0.1, 3
        assert 0.0 <= pipeline._schedule(config, 100)(0) <= 0.1


def test_the_momentum_reaches_the_rules_that_have_one():
    prepared = data.prepare("xor")
    config = Config()
    config.set("optimizer.name", "momentum")
    config.set("optimizer.momentum", 0.5)
    train.complete(config, prepared)
    trainer = train.build_trainer(config, prepared)
    assert "momentum=0.5" in repr(trainer.optimizer)
    config.set("optimizer.name", "adam")
    with pytest.raises(ConfigError, match="'adam' has no option 'momentum'"):
        train.build_trainer(config, prepared)


def test_l1_makes_weights_exactly_0():
    config = Config()
    for option, value in (("optimizer.l1", 3.0), ("model.hidden", [16]), ("trainer.epochs", 10)):
        config.set(option, value)
    config.data.source = "two-moons"
    trained = train.train(config, progress=False)
    weights = trained.model.state_dict()
    assert any((value == 0).any() for name, value in weights.items() if name.endswith("weight"))


@pytest.mark.parametrize(("model", "lr", "decay"), [("mlp", 2e-3, 300 / 700), ("linear", 2e-2, 30 / 700)])
def test_few_rows_are_held_back_more_and_linear_models_take_longer_steps(model, lr, decay):
    config = Config()
    config.set("model.name", model)
    train.complete(config, data.prepare("two-moons"))
    assert (config.optimizer.lr, config.optimizer.weight_decay) == pytest.approx((lr, decay))
    config.optimizer.lr, config.optimizer.weight_decay = 0.5, 0.0
    train.complete(config, data.prepare("two-moons"))
    assert (config.optimizer.lr, config.optimizer.weight_decay) == (0.5, 0.0)
