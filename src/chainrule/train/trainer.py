"""Trainer: fits a model to data, many steps in each call of one compiled program, and keeps the run so that it can go
on and be explained.
"""

from __future__ import annotations

import math
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from chainrule import array
from chainrule.compile import compile
from chainrule.data import Balanced, Dataset, Prepared, Samples
from chainrule.errors import CheckpointError, ConfigError, ShapeError
from chainrule.graph import Variable, as_tensor, random
from chainrule.losses import ElasticNet
from chainrule.losses.cross_entropy import Classes
from chainrule.nn import Module
from chainrule.ops import argmax, concat, take
from chainrule.optim import Accumulator, Optimizer
from chainrule.train.evaluator import Evaluator, as_samples
from chainrule.train.events import (
    Callback,
    EpochEnded,
    Event,
    Message,
    RunEnded,
    RunStarted,
    StepsDone,
)
from chainrule.train.files import make_folder, read_lines, write_lines
from chainrule.train.one_thread import one_thread
from chainrule.train.progress import ProgressDisplay
from chainrule.train.recording import Position, RunWriter
from chainrule.train.run import Run
from chainrule.train.snapshot import latest_snapshot, load_snapshot
from chainrule.train.work import Work, work_of

__all__ = ["Trainer"]

_CHECKED_NUMBERS = 20_000_000


class Trainer(Evaluator):
    """Fits a model by gradient descent: full-batch, mini-batch or stochastic, by `batch_size`.

    Arguments:
        model: any `nn.Module`; it is called with the dataset's inputs.
        loss: an objective with `loss(outputs, target)`, such as `losses.CrossEntropy()`.
        optimizer: made with the model's parameters.
        metrics: scores of `chainrule.metrics`, for training and validation.
        schedule: the learning rate as a function of the step (from 0), or None for the optimizer's own.
        callbacks: functions that are called with every event (`chainrule.train.events`).
        accumulate: into how many micro-batches a batch is cut, one after the other: their gradients, weighted by their
            samples, add up to that of the batch, at the memory of one (`optim.Accumulator`).
        penalty: a `losses.ElasticNet`, whose proximal step follows each step of the optimizer, apart from its rule, so
            that weights that are not needed become exactly 0; the losses told are those without it.
        precision: "float32", or "bf16" for steps whose products round their factors to bfloat16 (`cr.precision`), which
            takes less time on processors with units for it; weights and scores stay float32.
        seed: of the order of the samples.
        progress: whether to show progress on standard error.

    Example:
        >>> import numpy as np, chainrule as cr
        >>> from chainrule import nn, losses, optim
        >>> x = np.linspace(-1, 1, 64, dtype=np.float32)[:, None]
        >>> model = nn.Linear(1, 1)
        >>> trainer = cr.Trainer(model, losses.MSE(), optim.SGD(model.parameters(), lr=0.5), progress=False)
        >>> run = trainer.fit((x, 3 * x), epochs=20, batch_size=16)
        >>> round(float(model.weight.numpy()[0, 0]), 3)
        3.0
    """

    def __init__(
        self,
        model: Module,
        loss: Any,
        optimizer: Optimizer,
        *,
        metrics: Sequence[Any] = (),
        schedule: Callable[[int], float] | None = None,
        callbacks: Sequence[Callback] = (),
        accumulate: int = 1,
        penalty: ElasticNet | None = None,
        precision: str = "float32",
        seed: int = 0,
        progress: bool = True,
    ) -> None:
        if accumulate < 1:
            raise ConfigError(f"A batch is cut into 1 micro-batch or more, got accumulate={accumulate}.")
        super().__init__(model, loss, metrics=metrics)
        self.optimizer = optimizer
        self.schedule = schedule
        self.seed = seed
        self.callbacks: list[Callback] = [*callbacks, *([ProgressDisplay()] if progress else [])]
        self.accumulate = accumulate
        self.penalty = penalty
        self.precision = array.as_precision(precision)
        self._accumulator = Accumulator(optimizer) if accumulate > 1 else None
        # the largest logit is the largest probability
        self._decided = getattr(type(loss), "predict", None) is Classes.predict and all(
            getattr(metric, "by_decided_class", False) for metric in self.metrics
        )
        self._stopping = ""
        self.work = Work(0.0, True)
        self._data: list[Variable] = []
        self._samples: Samples | None = None
        self._train_step = compile(self._one_step)

    # -- the compiled parts
    # ----------------------------------------------------------------------------------------------------------

    def _one_step(self, rows: Any, rate: Any) -> Any:
        if self.schedule is not None:
            self.optimizer.lr = rate
        with array.precision(self.precision):
            told = self._update(rows)
        if self.penalty is not None:
            self.penalty.shrink(self.model, self.optimizer.lr)
        return told

    def _update(self, rows: Any) -> tuple[Any, Any]:
        """A step of the optimizer by one batch: its loss, and its outputs and target if there are metrics."""
        if self._accumulator is None:
            loss, outputs, target = self._one_loss(rows)
            self.optimizer.minimize(loss)
            return loss, ((self._scored_by(outputs), target) if self.metrics else None)
        parts = []
        for places in np.array_split(np.arange(rows.shape[0]), min(self.accumulate, rows.shape[0])):
            loss, outputs, target = self._one_loss(rows[int(places[0]) : int(places[-1]) + 1])
            self._accumulator.add(loss, weight=len(places))
            parts.append((self._scored_by(outputs), target))
        told = tuple(map(concat, zip(*parts, strict=True))) if self.metrics else None
        return self._accumulator.step(), told

    def _scored_by(self, outputs: Any) -> Any:
        """What the metrics need of a step's outputs: the classes (N,) where that is enough, which are a tenth of the
        work and fewer numbers, else the outputs.
        """
        return argmax(outputs, axis=-1) if self._decided and outputs.ndim == 2 else outputs

    def _one_loss(self, rows: Any) -> tuple[Any, Any, Any]:
        assert self._samples is not None
        inputs, target = self._samples.select(self._data, rows)
        outputs = self.model(*inputs)
        return self.objective(rows, outputs, target), outputs, target

    def objective(self, rows: Any, outputs: Any, target: Any) -> Any:
        """What a step makes smaller: the loss; a technique that trains by another objective than it is scored by
        defines its own.
        """
        if not isinstance(self._samples, Balanced) or self._samples.by == "resample":
            return self.loss(outputs, target)
        weights = take(as_tensor(self._samples.class_weights), target, axis=0)
        # The loss divides by the sum of the weights; a rare row counts as much whatever is in its batch.
        return self._weighted_loss(outputs, target, weights) * weights.mean()

    # -- fitting
    # ----------------------------------------------------------------------------------------------------------------

    def fit(
        self,
        train: Any,
        validation: Any = None,
        *,
        epochs: int = 20,
        batch_size: int | None = 32,
        shuffle: bool = True,
        patience: int | None = None,
        out: str | Path | None = None,
        resume: bool = False,
        checkpoint_every: int | None = None,
    ) -> Run:
        """Trains, and leaves the model with the weights of the best epoch.

        Arguments:
            train, validation: a `data.Dataset` or other `data.Samples`, or a pair of arrays (inputs, target); or as
                train what `data.prepare` makes of a table, a DataFrame, a text or a folder, which brings its own
                validation part. `data.Balanced(train)` lets every class count the same; the validation loss then does.
            epochs: passes over the training samples.
            batch_size: samples in one update; None takes all of them (full-batch gradient descent). The last batch of
                an epoch may be smaller, and counts by its samples in the epoch's loss.
            shuffle: whether every epoch has its own order.
            patience: stop after this many epochs without a lower validation loss; None never stops early.
            out: the run's folder, for metrics, snapshots and weights; None writes nothing.
            resume: go on from the newest snapshot in `out`, bit for bit as if nothing had happened.
            checkpoint_every: also snapshot after this many steps; otherwise after epochs, at most every few seconds.

        Ctrl-C ends the run after the steps under way, with a snapshot and usable weights; a second one ends it at once.

        Raises:
            ShapeError: when model, data and loss do not fit.
            RunError: when the folder cannot be written.
        """
        if isinstance(train, Prepared):
            train, validation = train.train, train.validation if validation is None else validation
        train = as_samples(train, "training")
        validation = None if validation is None else as_samples(validation, "validation")
        if len(train) == 0:
            raise ShapeError("There is no training sample.")
        if epochs < 1:
            raise ConfigError(f"epochs must be at least 1, got {epochs}.")
        batch = len(train) if batch_size is None else batch_size
        if batch < 1:
            raise ConfigError(f"batch_size must be at least 1, or None for all samples, got {batch_size}.")
        batch = min(batch, len(train))
        folder = None if out is None else Path(out)
        if folder is not None:
            make_folder(folder)
        self._check(train.samples if isinstance(train, Balanced) else train)
        self._hold(train)

        progress, run = Position(), Run(path=folder)
        best: dict[str, np.ndarray] = {}
        if resume:
            if folder is None:
                raise ConfigError("resume needs the folder of the run.", fix="fit(..., out=folder, resume=True)")
            progress, best = self._restore(folder, run, epochs)
        elif folder is not None:
            for name in ("metrics.jsonl", "layers.jsonl", "summary.json"):
                (folder / name).unlink(missing_ok=True)

        steps_per_epoch = -(-len(train) // batch)
        parameters = sum(p.size for p in self.model.parameters() if p.requires_grad)
        self.tell(RunStarted(epochs, progress.epoch, steps_per_epoch, len(train), parameters, folder))
        self._stopping = ""
        self.model.train()
        writer = RunWriter(self, folder, run, progress)
        try:
            with self._interruptible():
                self._epochs(
                    train, validation, epochs, batch, shuffle, patience, checkpoint_every, progress, run, best, writer
                )
        except BaseException:  # a display has to let go of the terminal, whatever happened
            self.tell(RunEnded("failed", progress.epoch, progress.best_epoch, progress.seconds))
            raise
        status = self._stopping or "finished"
        if best:
            self.model.load_state_dict(best)
        run.status, run.best_epoch, run.epochs, run.steps, run.seconds = (
            status, progress.best_epoch, progress.epoch, progress.step, progress.seconds,
        )  # fmt: skip
        self.model.eval()
        if folder is not None:
            writer.end(best or None)
        self.tell(RunEnded(status, progress.epoch, progress.best_epoch, progress.seconds))
        return run

    def stop(self, reason: str = "stopped") -> None:
        """Ends the run after the steps under way; for callbacks."""
        self._stopping = reason

    def _epochs(
        self, train: Samples, validation: Samples | None, epochs: int, batch: int, shuffle: bool, patience: int | None,
        checkpoint_every: int | None, progress: Position, run: Run, best: dict[str, np.ndarray], writer: RunWriter,
    ) -> None:  # fmt: skip
        whole, rest = divmod(len(train), batch)
        total = epochs * (whole + bool(rest))
        chunk = min(self.work.steps_together(batch, whole), checkpoint_every or 2**31)
        begun, done_before = time.perf_counter(), progress.step
        seconds_before = progress.seconds
        self._stop_early(progress, patience if validation is not None else None)  # a run that goes on may have ended so
        while progress.epoch < epochs and not self._stopping:
            order = train.order(self.seed, progress.epoch, shuffle)
            epoch_begun, epoch_step, due = time.perf_counter(), progress.step, False
            while progress.step_in_epoch < whole + bool(rest) and not self._stopping:
                first = progress.step_in_epoch
                started = time.perf_counter()
                count = min(chunk - first % chunk, whole - first) if first < whole else 1
                rows = order[first * batch : (first + count) * batch].reshape(count, -1)
                in_one_call = chunk > 1 and first < whole and self.work.in_one_call
                losses, answers = self._steps(rows, self._rates(progress.step, count), in_one_call)
                mean = float(np.mean(losses, dtype=np.float64))
                self._add_up(progress, train, rows.size, mean, answers)
                progress.step += count
                progress.step_in_epoch += count
                now = time.perf_counter()
                progress.seconds = seconds_before + now - begun
                if not math.isfinite(mean):
                    self._stopping = "diverged"
                    self.tell(Message(
                        f"The loss is {mean} after step {progress.step}: training has diverged. "
                        f"A lower learning rate (now {self._rates(progress.step - 1, 1)[0]:.3g}) or clip_norm may help."
                    ))  # fmt: skip
                    return
                pace = (now - begun) / (progress.step - done_before)
                self.tell(StepsDone(
                    progress.epoch + 1, progress.step, progress.step / total, mean, rows.size / (now - started),
                    pace * (total - progress.step),
                ))  # fmt: skip
                due = bool(checkpoint_every) and progress.step % checkpoint_every < count
                if due and progress.step_in_epoch < whole + bool(rest):
                    writer.snapshot(best)
            if progress.step_in_epoch < whole + bool(rest):
                break
            samples_per_second = (progress.step - epoch_step) * batch / max(time.perf_counter() - epoch_begun, 1e-9)
            self._end_epoch(train, validation, progress, run, best, writer, samples_per_second)
            self._stop_early(progress, patience if validation is not None else None)
            writer.snapshot_if_due(best, last=due or progress.epoch == epochs or bool(self._stopping))
        if self._stopping == "interrupted":
            writer.snapshot(best)

    def _steps(self, rows: np.ndarray, rates: np.ndarray, in_one_call: bool) -> tuple[Any, Any]:
        """Steps by (count, batch) rows: their losses, and if there are metrics what those score, by row."""
        if in_one_call:
            losses, answers = self._train_step.scan(rows, rates)
            return losses.numpy(), answers and [x.numpy().reshape(rows.size, *x.shape[2:]) for x in answers]
        told = [self._train_step(*step) for step in zip(rows, rates, strict=True)]
        losses, answers = zip(*told, strict=True)
        if self.metrics:
            answers = [np.concatenate([x.numpy() for x in part]) for part in zip(*answers, strict=True)]
        return [float(loss) for loss in losses], answers

    def _stop_early(self, progress: Position, patience: int | None) -> None:
        if patience is not None and progress.epoch - progress.best_epoch >= patience:
            self._stopping = self._stopping or "stopped"
            self.tell(Message(f"No lower validation loss for {patience} epochs: stopped early."))

    def _end_epoch(
        self, train: Samples, validation: Samples | None, progress: Position, run: Run, best: dict[str, np.ndarray],
        writer: RunWriter, samples_per_second: float,
    ) -> None:  # fmt: skip
        progress.epoch += 1
        progress.step_in_epoch = 0
        record: dict[str, Any] = {
            "event": "epoch",
            "epoch": progress.epoch,
            "step": progress.step,
            "seconds": progress.seconds,
            "learning_rate": float(self.optimizer.lr),
            "samples_per_second": samples_per_second,
            "train": {name: total / progress.seen for name, total in progress.sums.items()},
        }
        progress.sums, progress.seen = {}, 0
        improved = validation is None
        if validation is not None:
            class_weights = train.class_weights if isinstance(train, Balanced) else None
            record["validation"] = self.evaluate(validation, class_weights=class_weights)
            loss = record["validation"]["loss"]
            if loss < progress.best_loss:
                progress.best_loss = loss
                improved = True
        if improved:
            progress.best_epoch = progress.epoch
            if validation is not None:
                best.clear()
                best.update(self.model.state_dict())
        run.history.append(record)
        writer.epoch(train, record)
        self.tell(EpochEnded(progress.epoch, record, improved and validation is not None))

    def _add_up(self, progress: Position, train: Samples, count: int, mean: float, answers: Any) -> None:
        progress.seen += count
        progress.sums["loss"] = progress.sums.get("loss", 0.0) + mean * count
        if not self.metrics:
            return
        told, target = answers
        prediction = told if self._decided and told.ndim == 1 else self.loss.predict(told)
        for name, score in self._scores(prediction, target, train).items():
            progress.sums[name] = progress.sums.get(name, 0.0) + score * count

    def _rates(self, step: int, count: int) -> np.ndarray:
        if self.schedule is None:
            return np.full(count, float(self.optimizer.lr))
        return np.array([self.schedule(step + i) for i in range(count)], np.float64)

    # -- the rest
    # ----------------------------------------------------------------------------------------------------------------

    def _hold(self, train: Samples) -> None:
        """Keeps the training data where the compiled step finds them; rows of the same shapes take the place of earlier
        ones. How other samples are selected is part of the program, which is then a new one.
        """
        shapes = [(v.shape, v.dtype) for v in self._data]
        alike = shapes == [(x.shape, x.dtype) for x in train.arrays]
        if alike and isinstance(train, Dataset) and isinstance(self._samples, Dataset):
            for variable, x in zip(self._data, train.arrays, strict=True):
                variable.assign(x)
        else:
            self._data = [Variable(x, name="data") for x in train.arrays]
            self._train_step = compile(self._one_step)
        self._samples = train

    def _check(self, train: Samples) -> None:
        """A few samples through model and loss, eagerly: what does not fit is said with layers and lines, before
        anything is compiled. What ran tells how much work a step is.
        """
        inputs, target = train.few(4)
        if target is None:
            raise ShapeError(
                "The training data have no target.", fix="name the target column, or pass (inputs, target)"
            )
        self.model.eval()
        try:
            with one_thread():
                outputs = self.model(*[as_tensor(x) for x in inputs])
                cost = self.loss(outputs, as_tensor(target))
                self._check_every(train, outputs.numpy()[:1])
        finally:
            self.model.train()
        self.work = work_of(cost, min(len(train), 4))

    def _check_every(self, train: Samples, output: np.ndarray) -> None:
        """Any output will do to see whether every label has its unit; labels alike need it once."""
        if not isinstance(train, Dataset) or train.target is None:
            return
        labels = train.target.ndim == 1 and train.target.dtype.kind in "iu"
        targets = np.unique(train.target) if labels else train.target
        if len(targets) * output.size < _CHECKED_NUMBERS:
            self.loss(as_tensor(np.broadcast_to(output, (len(targets), *output.shape[1:]))), as_tensor(targets))

    def _restore(self, folder: Path, run: Run, epochs: int) -> tuple[Position, dict[str, np.ndarray]]:
        path = latest_snapshot(folder / "checkpoints")
        if path is None:
            raise CheckpointError(f"{folder} has no snapshot to go on from.", fix="train again without --resume")
        parts, state = load_snapshot(path)
        self.model.load_state_dict(parts.get("model", {}))
        self.optimizer.load_state_dict(parts.get("optimizer", {}))
        random.default_stream().state.assign(parts["streams"]["default"])
        best_loss = state.pop("best_loss")
        progress = Position(**state, best_loss=math.inf if best_loss is None else best_loss)
        # JSON has no nan, which is the ranking of a batch without a rare class
        progress.sums = {name: math.nan if total is None else total for name, total in progress.sums.items()}
        for name in ("metrics.jsonl", "layers.jsonl"):
            records = [r for r in read_lines(folder / name) if r.get("epoch", 0) <= progress.epoch]
            write_lines(folder / name, records)
            if name == "metrics.jsonl":
                run.history = [r for r in records if r.get("event") == "epoch"]
        if progress.epoch >= epochs:
            self.tell(Message(f"All {epochs} epochs were done already; give more --epochs to go on."))
        return progress, parts.get("best", {})

    def tell(self, event: Event) -> None:
        """Calls every callback with the event."""
        for callback in self.callbacks:
            callback(event)

    @contextmanager
    def _interruptible(self) -> Iterator[None]:
        """Within it the first Ctrl-C asks for an end and the second is the usual one; only the main thread can
        listen.
        """
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = signal.getsignal(signal.SIGINT)

        def on_interrupt(number: int, frame: Any) -> None:
            signal.signal(signal.SIGINT, before)
            self._stopping = "interrupted"
            self.tell(Message("Interrupted: finishing the steps under way and saving (once more Ctrl-C ends at once)."))

        signal.signal(signal.SIGINT, on_interrupt)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)
