"""`python -m benchmarks.published.text [transformer lstm lora]`: language models of characters on tiny Shakespeare.

transformer  4 layers, 4 heads, width 128, pieces of 64 characters, batches of 12, 2,000 steps: nanoGPT's setting for a
             CPU. AdamW, from 1e-3 to 1e-4 by a cosine after 100 steps of warm-up, betas 0.9 and 0.99, decay 0.1, the
             gradient clipped at norm 1, no dropout
lstm         one layer of 512 units on vectors of 128, the same data and rule, for as long as the transformer took
lora         the transformer, on bytes, taught Python's manual: rank 4 beside the projections of queries and values,
             against all of its weights, 500 steps each

The loss is the mean over every character of the last tenth of the text, in pieces of 64 one after the other.
"""

from __future__ import annotations

import argparse
import pydoc_data.topics
import time
from pathlib import Path
from typing import Any

import numpy as np

import chainrule as cr
from benchmarks.published.outcome import Outcome, folder_of_data, write
from chainrule import data, losses, models, nn, optim

CONTEXT, BATCH, STEPS = 64, 12, 2000

OUTCOMES = {
    "transformer": Outcome("Transformer 4 × 128, 2,000 steps, tiny Shakespeare", "1.88 (nanoGPT's README)", "nats"),
    "lstm": Outcome("LSTM 512, as long as the transformer, tiny Shakespeare", "", "nats"),
    "lora": Outcome("LoRA of rank 4, 500 steps, from Shakespeare to a manual", "", "nats"),
    "full": Outcome("All weights, 500 steps, from Shakespeare to a manual", "", "nats"),
    "before": Outcome("Neither, the manual read by a reader of Shakespeare", "", "nats"),
}


def split(tokens: np.ndarray, steps: int) -> tuple[data.TextSamples, data.TextSamples]:
    """Nine tenths to learn from, in an epoch of so many steps, and the last tenth."""
    edge = int(0.9 * len(tokens))
    learned = data.TextSamples(tokens[:edge], CONTEXT, per_epoch=BATCH * steps)
    return learned, data.TextSamples(tokens[edge:], CONTEXT)


def gpt(vocabulary: int) -> nn.Module:
    return models.TransformerLanguageModel(vocabulary, width=128, layers=4, heads=4, context=CONTEXT)


def train(
    model: nn.Module, tokens: np.ndarray, seed: int, steps: int = STEPS, limit: float | None = None
) -> tuple[float, float]:
    """The loss on the last tenth, and the seconds of training."""
    learned, watched = split(tokens, steps if limit is None else 50)
    lr = 1e-3
    trained = [p for p in model.parameters() if p.requires_grad]
    rule = optim.AdamW(
        optim.decay_groups(trained, 0.1), lr=lr, betas=(0.9, 0.99), clip_norm=1.0, dialect="pytorch"
    )  # fmt: skip
    schedule = optim.Warmup(optim.Cosine(lr, steps - 100, 1e-4), 100)
    trainer = cr.Trainer(model, losses.CrossEntropy(), rule, schedule=schedule, seed=seed, progress=False)
    started = time.perf_counter()
    if limit is not None:
        trainer.callbacks.append(lambda event: trainer.stop() if time.perf_counter() - started > limit else None)
    trainer.fit(learned, epochs=1 if limit is None else 10_000, batch_size=BATCH)
    seconds = time.perf_counter() - started
    return trainer.evaluate(watched)["loss"], seconds


def language_models(names: list[str], seeds: int) -> None:
    text = (folder_of_data() / "text" / "tiny-shakespeare.txt").read_text()
    fitted, _ = data.TextPreprocessing.fit(data.parts.TextPart(text, "tiny-shakespeare.txt"), length=CONTEXT)
    tokens = fitted.encode(text)
    makers: dict[str, Any] = {
        "transformer": lambda: gpt(fitted.vocabulary),
        "lstm": lambda: models.RecurrentLanguageModel(fitted.vocabulary, width=512, layers=1, embedding=128),
    }
    for name in names:
        for seed in range(seeds):
            cr.random.seed(seed)
            limit = OUTCOMES["transformer"].seconds[seed] if name == "lstm" and "transformer" in names else None
            OUTCOMES[name].add(*train(makers[name](), tokens, seed, limit=limit))
        print(OUTCOMES[name].line(), flush=True)


def adaptation(seeds: int) -> None:
    """The same start, adapted in two ways."""
    before = np.frombuffer((folder_of_data() / "text" / "tiny-shakespeare.txt").read_bytes(), np.uint8)
    after = np.frombuffer(Path(pydoc_data.topics.__file__).read_bytes(), np.uint8)
    for seed in range(seeds):
        cr.random.seed(seed)
        started = gpt(256)
        train(started, before, seed)
        state = started.state_dict()
        unread = cr.Trainer(started, losses.CrossEntropy(), optim.SGD(started.parameters(), lr=0.0), progress=False)
        OUTCOMES["before"].add(unread.evaluate(split(after, 1)[1])["loss"], 0.0)
        for name in ("lora", "full"):
            model = gpt(256)
            model.load_state_dict(state)
            if name == "lora":
                nn.add_lora(model, rank=4, targets=["*q_proj", "*v_proj"])
                sizes = [(p.size, p.requires_grad) for p in model.parameters()]
                share = sum(n for n, learned in sizes if learned) / sum(n for n, _ in sizes)
                print(f"LoRA trains {share:.2%} of the weights")
            OUTCOMES[name].add(*train(model, after, seed, 500))
    for name in ("before", "lora", "full"):
        print(OUTCOMES[name].line(), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.published.text")
    parser.add_argument("names", nargs="*", metavar="NAME", help="transformer, lstm, lora; all without")
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    names = options.names or ["transformer", "lstm", "lora"]
    language_models([name for name in ("transformer", "lstm") if name in names], options.seeds)
    if "lora" in names:
        adaptation(options.seeds)
    write("text", [outcome for outcome in OUTCOMES.values() if outcome.scores])


if __name__ == "__main__":
    main()
