"""`chainrule look`: what a network of images looks for, and what each of its layers sees."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from chainrule.errors import ConfigError, RunError

if TYPE_CHECKING:
    from chainrule.data import Samples
    from chainrule.train import TrainedModel

__all__ = ["look"]


def look(
    run: Annotated[
        str, typer.Argument(metavar="RUN", help="The run's folder, or its name in runs.", show_default=False)
    ],
    data: Annotated[
        str | None,
        typer.Argument(
            metavar="DATA", help="An image, or more of them; without it, those held out.", show_default=False
        ),
    ] = None,
    row: Annotated[int, typer.Option(metavar="N", min=0, help="Which of the images, from 0.")] = 0,
) -> None:
    """Draw a network's first filters, and its feature maps of an image.

    Writes filters.svg and feature-maps.svg into the run's folder.

    Examples:
      chainrule look runs/digits
      chainrule look runs/digits digits --row 7
    """
    from chainrule import models, report
    from chainrule.cli.places import run_folder
    from chainrule.cli.screen import console, grid
    from chainrule.train import TrainedModel

    folder = run_folder(run)
    trained = TrainedModel.load(folder)
    description = trained.preprocessing.input_description
    if description["kind"] != "image":
        raise RunError(
            f"{run} is a network of the kind of data {description['kind']}, and looking is for images.",
            fix=f"chainrule graph {run} draws its layers",
        )
    samples = _samples(trained, data)
    if row >= len(samples):
        raise ConfigError(f"There is no image {row}: there are {len(samples):,}, from 0.", fix="--row 0")
    [image], _ = samples.select(samples.arrays, samples.rows()[row : row + 1])
    model = trained.model
    if isinstance(model, models.Ensemble):
        model = model.members[0]
    facts = grid()
    picture = report.filters(model, folder / "filters.svg", shape=description["shape"])
    facts.add_row("filters", str(picture))
    facts.add_row("feature maps", str(report.feature_maps(model, image, folder / "feature-maps.svg")))
    prediction = trained.preprocessing.decode(trained.evaluator.predict(image))[0]
    facts.add_row("of", f"image {row} of {data or 'those held out of training'}, taken for {prediction}")
    console().print(facts)


def _samples(trained: TrainedModel, data: str | None) -> Samples:
    from chainrule.cli.scoring import dataset_of
    from chainrule.train import prepare_data

    if data is not None:
        return dataset_of(trained, data, has_target=False)
    prepared = prepare_data(trained.config)
    return prepared.test or prepared.validation or prepared.train
