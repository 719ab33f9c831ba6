from __future__ import annotations

from chainrule.cli.words import score_line


def test_a_score_that_says_nothing_is_left_out_but_a_lost_loss_is_told() -> None:
    assert score_line({"accuracy": 1.0, "roc_auc": float("nan"), "loss": 0.5}) == ("accuracy 100.0 %", "loss 0.5")
    assert score_line({"rmse": 2.0, "r2": None, "loss": 0.5})[1] == "loss 0.5"  # as summary.json has it
    assert "nan" in score_line({"loss": float("nan")})[0]
