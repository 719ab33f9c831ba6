"""Generation: tokens drawn one after the other from what a language model expects next."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule import ops
from chainrule.compile import compile
from chainrule.errors import ConfigError, LabelError, ShapeError
from chainrule.graph import Tensor, as_tensor, no_grad
from chainrule.graph.random import Stream, default_stream

__all__ = ["choose_token", "generate"]


def choose_token(
    logits: Any,
    uniform: Any,
    *,
    temperature: Any = 1.0,
    top_k: int | None = None,
    top_p: Any = None,
) -> Tensor:
    """A token for each row of scores: drawn from softmax(logits / temperature), cut to the likeliest tokens.

    Arguments:
        logits: (N, V).
        uniform: (N,), numbers in [0, 1): the token is the one at which the probabilities, from the likeliest on, add up
            to more than that share of what is left after the cuts.
        temperature: below 1 likely tokens become likelier; 0 takes the likeliest.
        top_k: leaves the k likeliest.
        top_p: then leaves the fewest, from the likeliest on, whose probabilities add up to at least p: the nucleus.

    Of equal scores, the smaller token counts as the likelier.

    Source: top-p: Holtzman et al., "The Curious Case of Neural Text Degeneration" (2020), section 3.1.

    Example:
        >>> import chainrule as cr
        >>> from chainrule import models
        >>> logits = cr.log(cr.tensor([[0.1, 0.6, 0.3]]))
        >>> [int(models.choose_token(logits, cr.tensor([u]))[0]) for u in (0.5, 0.7, 0.95)]
        [1, 2, 0]
        >>> [int(models.choose_token(logits, cr.tensor([u]), top_p=0.8)[0]) for u in (0.5, 0.7, 0.95)]
        [1, 2, 2]
    """
    if type(temperature) in (int, float) and temperature == 0:
        return ops.argmax(logits, axis=-1)
    order = ops.argsort(-logits, axis=-1, stable=True)
    ranked = ops.take_along_axis(logits, order, axis=-1)
    ranked = ranked if top_k is None else ranked[:, :top_k]
    p = ops.softmax(ranked / temperature, axis=-1)
    total = ops.cumulative_sum(p, axis=-1)
    if top_p is not None:
        p = ops.where(total - p < top_p, p, 0.0)
        total = ops.cumulative_sum(p, axis=-1)
    kept = ops.astype(p > 0, "int64").sum(axis=-1)
    passed = ops.astype(total <= uniform[:, None] * total[:, -1:], "int64").sum(axis=-1)
    rank = ops.minimum(passed, kept - 1)  # where rounding lets the share reach all
    return ops.take_along_axis(order, rank[:, None], axis=-1)[:, 0]


@compile
def _draw_next(
    model: Any, tokens: Tensor, cache: Any, uniform: Tensor, greedy: bool, temperature: Any, top_k: Any, top_p: Any
) -> tuple[Tensor, Any]:
    logits, cache = model.next(tokens, cache)
    return choose_token(logits, uniform, temperature=0 if greedy else temperature, top_k=top_k, top_p=top_p), cache


@compile
def _draw_after(
    model: Any, tokens: Tensor, last: Tensor, uniform: Tensor, greedy: bool, temperature: Any, top_k: Any, top_p: Any
) -> Tensor:
    logits = ops.take(model(tokens), last, axis=1)[:, 0]
    return choose_token(logits, uniform, temperature=0 if greedy else temperature, top_k=top_k, top_p=top_p)


def generate(
    model: Any,
    prompt: Any,
    length: int,
    *,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    stream: Stream | int | None = None,
    use_cache: bool = True,
) -> np.ndarray:
    """Continues each prompt by `length` tokens.

    Past the context of the model, the older half of the window is dropped and the newer half read again; the window
    then grows to the whole context before the next drop. That costs one reading of half a context for every half
    context.

    Arguments:
        model: a language model: `start(batch)` gives a cache, `next(tokens (N, k), cache)` the scores (N, V) of the
            next token and a new cache, `context`, if there is one, the longest sequence. It computes as in `eval`.
        prompt: (N, T) or (T,), integers, at least one for each sequence.
        length: how many tokens to add.
        temperature, top_k, top_p: as for `choose_token`.
        stream: where the draws come from: a Stream, or a seed for one; by default the default stream.
        use_cache: False computes the whole window for every token, with the same result up to rounding.

    Returns:
        The prompts and what follows, int64 (N, T + length), or (T + length,).

    Raises:
        ConfigError, ShapeError, LabelError: for options out of range, an empty prompt, tokens outside the vocabulary.

    Example:
        >>> from chainrule import models
        >>> model = models.TransformerLanguageModel(50, width=16, layers=1, heads=2, context=8)
        >>> models.generate(model, [1, 2, 3], 10, top_k=5, stream=0).shape
        (13,)
    """
    tokens = _checked(model, prompt, length, temperature, top_k, top_p)
    batch, known = tokens.shape
    source = default_stream() if stream is None else stream if isinstance(stream, Stream) else Stream(stream)
    shares = source.uniform((length, batch)).numpy()
    answer = np.concatenate([tokens, np.zeros((batch, length), np.int64)], axis=1)
    context = getattr(model, "context", None)
    room = known + length if context is None else context
    options = (temperature == 0, float(temperature) or 1.0, top_k, None if top_p is None else float(top_p))
    modes = [(m, m.training) for m in model.modules()]
    model.eval()
    try:
        with no_grad():
            first = max(known - room, 0)  # where the window begins
            cache: Any = None
            for i, share in enumerate(shares):
                end = known + i
                if end - first > room:
                    first, cache = end - max(room // 2, 1), None
                if not use_cache:
                    window = np.zeros((batch, room), np.int64)
                    window[:, : end - first] = answer[:, first:end]
                    last = as_tensor(np.asarray([end - first - 1]))
                    step = _draw_after.__get__(model)
                    answer[:, end] = step(as_tensor(window), last, as_tensor(share), *options).numpy()
                    continue
                new = end - first if cache is None else 1
                cache = model.start(batch) if cache is None else cache
                step = _draw_next.__get__(model)
                chosen, cache = step(as_tensor(answer[:, end - new : end]), cache, as_tensor(share), *options)
                answer[:, end] = chosen.numpy()
    finally:
        for module, mode in modes:
            module.training = mode
    return answer if np.ndim(prompt) == 2 else answer[0]


def _checked(model: Any, prompt: Any, length: int, temperature: float, top_k: Any, top_p: Any) -> np.ndarray:
    """The prompts as (N, T), when everything makes sense."""
    tokens = np.asarray(prompt.numpy() if isinstance(prompt, Tensor) else prompt)
    if tokens.ndim not in (1, 2) or not tokens.size:
        raise ShapeError(
            f"A prompt is (N, T) or (T,) with at least one token, got {tokens.shape}.",
            fix="start from a token, such as that of a line break",
        )
    if tokens.dtype.kind not in "iu":
        raise ConfigError(f"A prompt is made of integer tokens, got {tokens.dtype}.")
    vocabulary = getattr(model, "vocabulary", None)
    if vocabulary is not None and (tokens.min() < 0 or tokens.max() >= vocabulary):
        wrong = tokens[(tokens < 0) | (tokens >= vocabulary)].flat[0]
        raise LabelError(f"The prompt has the token {wrong}; the model knows 0 to {vocabulary - 1}.")
    if not isinstance(length, int) or length < 0:
        raise ConfigError(f"length is a whole number of at least 0, got {length!r}.")
    if not temperature >= 0:
        raise ConfigError(f"The temperature is at least 0, got {temperature}.")
    if top_k is not None and (not isinstance(top_k, int) or top_k < 1):
        raise ConfigError(f"top_k is a whole number of at least 1, got {top_k!r}.")
    if top_p is not None and not 0 < top_p <= 1:
        raise ConfigError(f"top_p lies above 0 and up to 1, got {top_p}.")
    return np.atleast_2d(tokens).astype(np.int64)
