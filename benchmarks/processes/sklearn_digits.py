"""The digits MLP by scikit-learn: 50 epochs of Adam, saved; prints the test accuracy."""

import pickle
import sys
import warnings
from pathlib import Path
from typing import Any

from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

from chainrule import data

prepared = data.prepare("digits", seed=0)
batch_size: Any = 32  # whose type is taken from its default, "auto"
model = MLPClassifier((128, 64), batch_size=batch_size, max_iter=50, alpha=0.0, n_iter_no_change=1000, random_state=0)
with warnings.catch_warnings():
    warnings.simplefilter("ignore", ConvergenceWarning)
    model.fit(prepared.train.inputs[0].reshape(len(prepared.train), -1), prepared.train.target)
(Path(sys.argv[1]) / "sklearn.bin").write_bytes(pickle.dumps(model))
print(f"{model.score(prepared.test.inputs[0].reshape(len(prepared.test), -1), prepared.test.target):.3f}")
