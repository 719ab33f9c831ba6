"""The train floor: from a model and data to a run that can go on after a kill, and be looked into."""

from chainrule.train import events
from chainrule.train.choices import complete
from chainrule.train.config import (
    Config,
    DataConfig,
    EnsembleConfig,
    ModelConfig,
    OptimizerConfig,
    ScheduleConfig,
    TrainerConfig,
)
from chainrule.train.courses import COURSES, Course
from chainrule.train.decomposition import BiasVariance, bias_variance
from chainrule.train.distillation import Distilled, distill
from chainrule.train.ensembling import EnsembleRun, fit_ensemble
from chainrule.train.evaluator import Evaluator
from chainrule.train.pipeline import TrainedModel, build_trainer, prepare_data, train
from chainrule.train.progress import ProgressDisplay
from chainrule.train.range_test import LearningRateRange, learning_rate_range
from chainrule.train.run import Run, new_run_folder
from chainrule.train.trainer import Trainer
from chainrule.train.weights import load_weights, save_weights

__all__ = [
    "COURSES",
    "BiasVariance",
    "Config",
    "Course",
    "DataConfig",
    "Distilled",
    "EnsembleConfig",
    "EnsembleRun",
    "Evaluator",
    "LearningRateRange",
    "ModelConfig",
    "OptimizerConfig",
    "ProgressDisplay",
    "Run",
    "ScheduleConfig",
    "TrainedModel",
    "Trainer",
    "TrainerConfig",
    "bias_variance",
    "build_trainer",
    "complete",
    "distill",
    "events",
    "fit_ensemble",
    "learning_rate_range",
    "load_weights",
    "new_run_folder",
    "prepare_data",
    "save_weights",
    "train",
]
