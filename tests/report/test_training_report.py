"""The report of a training run."""

import pytest
import torch

from foreknow.errors import DataError
from foreknow.learn import Epoch, History, Outcome
from foreknow.report import training_figure, training_report


def history(validated: bool) -> History:
    rows = tuple(Epoch(k, 10 * k, 1.0 / k, 0.5 / k if validated else None, 1e-3, 60.0 * k) for k in range(1, 6))
    return History(rows, Outcome.REACHED if validated else Outcome.FINISHED, 5)


@pytest.mark.parametrize("validated", [True, False])
def test_curves_show_what_there_is(validated):
    figure = training_figure(history(validated), "gap to the optimum")
    assert [axis.get_ylabel() for axis in figure.axes] == (
        ["training loss", "gap to the optimum", "learning rate"] if validated else ["training loss", "learning rate"]
    )
    assert list(figure.axes[0].lines[0].get_ydata()) == [1.0 / k for k in range(1, 6)]


def test_the_page_has_course_facts_and_examples():
    picture = torch.rand(12, 16)
    examples = {"<b>one": {"data": picture, "moving": picture > 0.5}, "two": {"data": picture, "moving": picture > 0.7}}
    text = training_report("A run", history(True), examples, {"size": 96}, score="gap to the optimum").render()
    assert "gap to the optimum, best" in text
    assert "0.1" in text
    assert Outcome.REACHED.value in text
    assert text.count("<img") == 2
    assert "<b>one" not in text
    assert training_report("A run", history(False), {}).render().count("<img") == 1
    with pytest.raises(DataError, match="same pictures"):
        training_report("A run", history(True), {"one": {"data": picture}, "two": {"other": picture}})
