"""The headline: what was trained, how well, and what the numbers say, in words."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from chainrule.report import words
from chainrule.report.reading import Run, mapping, number, sequence, whole

# Which score leads when a run has several; anything else comes after these, in the order it was written.
_FIRST = ("accuracy", "r2", "rmse", "mae")


@dataclass(frozen=True)
class Score:
    """One score as it is shown."""

    name: str
    text: str
    raw: float


@dataclass(frozen=True)
class Verdict:
    """The top of the page."""

    title: str
    lead: str
    score: Score | None
    score_note: str
    others: list[Score]
    word: str
    tone: str
    sentences: list[str] = field(default_factory=list)
    facts: list[tuple[str, str]] = field(default_factory=list)


def judge(run: Run) -> Verdict:
    """Read the run's numbers as a person who has seen many runs would, without claiming more than they say."""
    title = source_name(run)
    scores, where = _scores(run)
    score = scores[0] if scores else None
    word, tone, against = _quality(run, score)
    sentences = [_ending(run), *against, *_trend(run)]
    if _broke(run) is not None:
        word, tone = "Broke down", "trouble"
    elif not run.summary:
        word, tone = ("Unfinished", "watch") if run.epochs else ("Nothing to judge yet", "watch")
    return Verdict(
        title=title,
        lead=_lead(run),
        score=score,
        score_note=_score_note(run, score, where),
        others=scores[1:],
        word=word,
        tone=tone,
        sentences=[s for s in sentences if s],
        facts=_facts(run),
    )


def source_name(run: Run) -> str:
    """A short name of the data: the last part of its path, or the run folder's name when it is not known."""
    source = mapping(run.config.get("data")).get("source")
    if isinstance(source, str) and source.strip():
        return re.split(r"[\\/]", source.rstrip("\\/"))[-1] or source
    return run.folder.resolve().name or "run"


def model_name(run: Run) -> str:
    """The model's name in the config, or an empty string."""
    name = mapping(run.config.get("model")).get("name")
    return name if isinstance(name, str) else ""


def best_epoch(run: Run) -> int | None:
    """The epoch whose weights were kept; without a summary, the one with the smallest validation loss."""
    best = whole(run.summary.get("best_epoch"))
    if best is not None and best > 0:
        return best
    losses = [(number(mapping(e.get("validation")).get("loss")), int(e["epoch"])) for e in run.epochs]
    known = [(loss, epoch) for loss, epoch in losses if loss is not None]
    return min(known)[1] if known else None


def leading(names: Iterable[str]) -> list[str]:
    """Score names in the order in which they are shown: the best known first, the loss last.

    The balanced accuracy is first where the run put it first, as it does when classes are balanced in training.

    Example:
        >>> leading(["loss", "f1", "accuracy"])
        ['accuracy', 'f1', 'loss']
        >>> leading(["loss", "balanced_accuracy", "accuracy"])
        ['balanced_accuracy', 'accuracy', 'loss']
    """
    names = list(names)
    written = next((name for name in names if name != "loss"), "")
    known = ("balanced_accuracy", *_FIRST) if written == "balanced_accuracy" else _FIRST
    places = {name: place for place, name in enumerate(known)}
    return sorted(names, key=lambda name: (name == "loss", places.get(name, len(places))))


def confusion(run: Run) -> tuple[list[list[int]], list[str]] | None:
    """The confusion matrix (rows true, columns predicted) and the class names, if the run has a sound one."""
    predictions = mapping(run.summary.get("test_predictions"))
    rows = [[whole(v) for v in sequence(row)] for row in sequence(predictions.get("confusion"))]
    size = len(rows)
    counts = [[v for v in row if v is not None and v >= 0] for row in rows]
    if size < 2 or any(len(row) != size for row in counts):
        return None
    names = [str(c) for c in sequence(predictions.get("classes"))]
    return counts, names if len(names) == size else [str(k) for k in range(size)]


def pairs(run: Run) -> tuple[list[float], list[float]] | None:
    """True and predicted numbers of the test part, if the run has them."""
    predictions = mapping(run.summary.get("test_predictions"))
    both = zip(sequence(predictions.get("target")), sequence(predictions.get("prediction")), strict=False)
    known = [(t, p) for t, p in ((number(a), number(b)) for a, b in both) if t is not None and p is not None]
    # squares of what lies beyond are no floats any more
    limited = [(min(max(t, -1e150), 1e150), min(max(p, -1e150), 1e150)) for t, p in known]
    return ([t for t, _ in limited], [p for _, p in limited]) if limited else None


def _lead(run: Run) -> str:
    parameters = whole(run.summary.get("parameters"))
    name = model_name(run)
    what = f"Model {name}" if name else "A network"
    if parameters is not None:
        what += f" with {words.count(parameters, 'parameter')}"
    epochs = whole(run.summary.get("epochs")) or (int(run.epochs[-1]["epoch"]) if run.epochs else None)
    seconds = _seconds(run)
    if epochs is None:
        return f"{what}. No epoch has finished."
    took = f" in {words.duration(seconds)}" if seconds is not None else ""
    return f"{what}, trained for {words.count(epochs, 'epoch')}{took}."


def _seconds(run: Run) -> float | None:
    seconds = number(run.summary.get("seconds"))
    if seconds is None and run.epochs:
        seconds = number(run.epochs[-1].get("seconds"))  # counted from the start of the run
    return seconds


def _scores(run: Run) -> tuple[list[Score], str]:
    """The scores to show and the part of the data they were measured on."""
    best = best_epoch(run)
    at_best = next((e for e in run.epochs if int(e["epoch"]) == best), {})
    for part, found in (
        ("test", mapping(run.summary.get("test"))),
        ("validation", mapping(run.summary.get("validation")) or mapping(at_best.get("validation"))),
        ("training", mapping(at_best.get("train"))),
    ):
        known = {name: v for name, raw in found.items() if (v := number(raw)) is not None}
        if known:
            return [Score(words.metric(n), words.value(n, known[n]), known[n]) for n in leading(known)], part
    return [], ""


def _test_size(run: Run) -> int | None:
    table = confusion(run)
    return sum(map(sum, table[0])) if table else None


def _score_note(run: Run, score: Score | None, where: str) -> str:
    if score is None:
        return ""
    n = _test_size(run) if where == "test" else None
    if where == "test":
        note = f"on {words.count(n, 'test example')} it never trained on" if n else "on test data it never trained on"
    else:
        note = f"on the {where} data" + (f", epoch {best_epoch(run)}" if best_epoch(run) else "")
    if n and score.name == "accuracy":
        low, high = interval(score.raw, n)
        note += f" (95 % interval {words.percent(low)} to {words.percent(high)})"
    return note


def interval(share: float, n: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a share measured on n examples.

    (p + z²/2n ± z √(p(1−p)/n + z²/4n²)) / (1 + z²/n) with z = 1.96 (Wilson 1927).

    Example:
        >>> [round(v, 3) for v in interval(0.5, 100)]
        [0.404, 0.596]
    """
    z = 1.959964
    middle = share + z * z / (2 * n)
    spread = z * math.sqrt(max(share * (1 - share), 0.0) / n + z * z / (4 * n * n))
    return max((middle - spread) / (1 + z * z / n), 0.0), min((middle + spread) / (1 + z * z / n), 1.0)


def _quality(run: Run, score: Score | None) -> tuple[str, str, list[str]]:
    """A word for the result, its tone, and the sentence that compares it with not learning at all."""
    table, points = confusion(run), pairs(run)
    if table:
        counts, names = table
        total = sum(map(sum, counts))
        if total and mapping(run.config.get("trainer")).get("balance"):
            return _balanced_quality(counts)
        if total:
            right = sum(counts[k][k] for k in range(len(counts))) / total
            sizes = [sum(row) for row in counts]
            common = max(range(len(sizes)), key=sizes.__getitem__)
            guess = sizes[common] / total
            often = words.percent(guess)
            sentence = f"Always answering the most common class, {names[common]}, would be right {often} of the time."
            if interval(right, total)[0] <= guess:
                return "No better than guessing", "trouble", [sentence]
            gain = (right - guess) / (1 - guess) if guess < 1 else 0.0
            return *_graded(gain), [sentence]
    if points:
        target, prediction = points
        mean = sum(target) / len(target)
        rest = sum((t - p) ** 2 for t, p in zip(target, prediction, strict=True))
        whole_spread = sum((t - mean) ** 2 for t in target)
        if whole_spread > 0:
            gain = 1 - rest / whole_spread
            if gain <= 0:
                return "No better than the mean", "trouble", ["Always answering the mean would come closer."]
            share = words.percent(gain, 0)
            return *_graded(gain), [
                f"It explains {share} of the test values' variance; answering the mean explains none."
            ]
    return ("Trained", "calm", []) if score else ("Nothing to judge yet", "watch", [])


def _balanced_quality(counts: list[list[int]]) -> tuple[str, str, list[str]]:
    """The same where every class was to count the same: the share that is right in each of them, averaged."""
    shares = [row[k] / sum(row) for k, row in enumerate(counts) if sum(row)]
    right, guess = sum(shares) / len(shares), 1 / len(shares)
    rarest = min(sum(row) for row in counts if sum(row))
    sentence = (
        f"Classes counted the same in training, and do in the balanced accuracy: always answering one of the "
        f"{len(shares)} would have {words.percent(guess)}."
    )
    if len(shares) < 2 or interval(right, rarest)[0] <= guess:
        return "No better than guessing", "trouble", [sentence]
    return *_graded((right - guess) / (1 - guess)), [sentence]


def _graded(gain: float) -> tuple[str, str]:
    if gain >= 0.8:
        return "Learned well", "good"
    return ("Learned", "good") if gain >= 0.2 else ("Learned a little", "watch")


def _planned(run: Run) -> int | None:
    return whole(mapping(run.config.get("trainer")).get("epochs"))


def _ending(run: Run) -> str:
    status, best = run.summary.get("status"), best_epoch(run)
    done = whole(run.summary.get("epochs")) or (int(run.epochs[-1]["epoch"]) if run.epochs else 0)
    planned = _planned(run)
    of = f"{done} of {planned} epochs" if planned and planned > done else words.count(done, "epoch")
    absent = run.missing.get("summary", "The run has no summary.")
    kept = f"the weights kept are those of epoch {best}" if best else "the weights kept are the last ones"
    if status == "finished":
        if best == done or best is None:
            return f"All {words.count(done, 'epoch')} ran; {kept}."
        return f"All {words.count(done, 'epoch')} ran; {kept}, where validation did best."
    if status == "stopped":
        return f"Training stopped by itself after {of}, as validation no longer improved; {kept}."
    if status == "interrupted":
        return f"Training was interrupted after {of}; {kept}. It can be resumed from its last checkpoint."
    if run.summary:
        return f"{of} ran; {kept}."
    if run.epochs:
        return f"{absent} It is still going, or it was killed; its records end after {of}."
    return f"{absent} No epoch has finished, so there is nothing to judge yet."


def _broke(run: Run) -> int | None:
    """The first epoch whose loss is not a finite number."""
    for record in run.epochs:
        for part in ("train", "validation"):
            loss = mapping(record.get(part)).get("loss")
            if isinstance(loss, float) and not math.isfinite(loss):
                return int(record["epoch"])
    return None


def losses(run: Run, part: str) -> list[tuple[int, float]]:
    """(epoch, loss) of one part, where it is a finite number."""
    found = ((int(e["epoch"]), number(mapping(e.get(part)).get("loss"))) for e in run.epochs)
    return [(epoch, loss) for epoch, loss in found if loss is not None]


def _trend(run: Run) -> list[str]:
    """What the curves say: broke down, overfitting, or still improving."""
    broke = _broke(run)
    if broke is not None:
        return [
            f"In epoch {broke} the loss was no longer a finite number. The usual cause is a learning rate that is too "
            "high; others are inputs that are not scaled, and a logarithm or division that meets zero."
        ]
    train, validation = losses(run, "train"), losses(run, "validation")
    if len(train) < 4 or len(validation) < 4:
        return []
    best_at, best = min(validation, key=lambda pair: pair[1])
    last_at, last = validation[-1]
    train_at_best = next((loss for epoch, loss in train if epoch == best_at), train[-1][1])
    span = max(loss for _, loss in validation) - best
    rose = last > best + max(0.1 * abs(best), 0.02 * span)
    if rose and last_at > best_at and train[-1][1] < train_at_best:
        return [
            f"After epoch {best_at} the validation loss rose while the training loss still fell: from there on the "
            "network fitted the training examples rather than what they have in common."
        ]
    if not run.summary:
        return []
    recent = [loss for _, loss in validation[-max(3, len(validation) // 5) :]]
    if best_at >= last_at - max(1, len(validation) // 20) and span > 0 and recent[0] - best > 0.03 * abs(best):
        return ["The validation loss was still falling at the end: more epochs may give a better score."]
    return []


def _facts(run: Run) -> list[tuple[str, str]]:
    facts: list[tuple[str, str]] = []
    seconds = _seconds(run)
    if seconds is not None:
        facts.append(("Time", words.duration(seconds)))
    best, done = best_epoch(run), whole(run.summary.get("epochs")) or len(run.epochs)
    if best and done:
        facts.append(("Best epoch", f"{best} of {done}"))
    parameters = whole(run.summary.get("parameters"))
    if parameters is not None:
        facts.append(("Parameters", f"{parameters:,}"))
    steps = whole(run.summary.get("steps")) or (whole(run.epochs[-1].get("step")) if run.epochs else None)
    if steps:
        facts.append(("Steps", f"{steps:,}"))
    rates = sorted(r for e in run.epochs if (r := number(e.get("samples_per_second"))) is not None)
    if rates:
        facts.append(("Examples per second", words.number(float(f"{rates[len(rates) // 2]:.3g}"))))
    optimizer: Any = mapping(run.config.get("optimizer"))
    if isinstance(optimizer.get("name"), str):
        rate = number(optimizer.get("lr") or optimizer.get("learning_rate"))
        facts.append(("Optimizer", optimizer["name"] + (f", {words.number(rate)}" if rate is not None else "")))
    return facts
