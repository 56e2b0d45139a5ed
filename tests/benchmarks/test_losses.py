"""Where others are better is read from the record, and nothing of it can be left out in silence."""

import json
from pathlib import Path

import pytest
from benchmarks.losses import COMPARISONS, Comparison, Documented, losses

RECORD = json.loads((Path(__file__).parents[2] / "benchmarks" / "results.json").read_text(encoding="utf-8"))


def section(columns, *rows):
    return {"title": "t", "table": {"columns": columns, "rows": [list(row) for row in rows], "notes": []}}


def estimate(value, low, high):
    return {"value": value, "low": low, "high": high, "digits": 2}


@pytest.fixture
def declare(monkeypatch):
    return lambda *rules: monkeypatch.setitem(COMPARISONS, "test", rules)


def test_a_better_other_is_a_loss_and_a_worse_one_is_none(declare):
    declare(Comparison(("case",), "ours", {"dB": "higher", "s": "lower"}))
    table = section(["case", "method", "dB", "s"], ["a", "ours", 3.0, 1.0], ["a", "theirs", 4.0, 2.0], ["a", "third", 3.5, 0.5])
    found = losses("test", table)
    assert [(loss.measure, loss.by, loss.best) for loss in found] == [("dB", "theirs", 4.0), ("s", "third", 0.5)]
    assert losses("test", section(["case", "method", "dB", "s"], ["a", "ours", 4.0, 1.0], ["a", "theirs", 4.0, 1.0])) == []


def test_cases_are_not_mixed(declare):
    declare(Comparison(("case",), "ours", {"dB": "higher"}))
    rows = (["a", "ours", 3.0], ["a", "theirs", 1.0], ["b", "ours", 5.0], ["b", "theirs", 4.0])
    assert losses("test", section(["case", "method", "dB"], *rows)) == []


def test_overlapping_intervals_are_said_to_overlap(declare):
    declare(Comparison((), "ours", {"dB": "higher"}))
    rows = (["ours", estimate(3.0, 2.0, 4.0)], ["theirs", estimate(3.5, 3.2, 3.9)])
    assert [loss.certain for loss in losses("test", section(["method", "dB"], *rows))] == [False]
    rows = (["ours", estimate(3.0, 2.9, 3.1)], ["theirs", estimate(3.5, 3.2, 3.9)])
    assert [loss.certain for loss in losses("test", section(["method", "dB"], *rows))] == [True]


def test_what_is_no_competitor_does_not_win(declare):
    declare(Comparison((), "ours", {"dB": "higher"}, without=("(told",)))
    assert losses("test", section(["method", "dB"], ["ours", 3.0], ["(told the truth)", 9.0])) == []


def test_what_has_no_number_does_not_win(declare):
    declare(Comparison((), "ours", {"s": "lower"}))
    assert losses("test", section(["method", "s"], ["ours", 3.0], ["theirs", None], ["third", "nan"])) == []


def test_documented_values_are_compared_as_they_are_rounded(declare):
    declare(Documented(("case",)))
    table = section(["case", "value", "documented"], ["a", 1.044, 1.04], ["b", 1.06, 1.04], ["c", 1.0, None])
    assert [loss.case for loss in losses("test", table)] == ["b"]


def test_a_method_or_column_that_is_gone_is_an_error(declare):
    declare(Comparison((), "ours", {"dB": "higher"}))
    with pytest.raises(ValueError, match="'ours'"):
        losses("test", section(["method", "dB"], ["theirs", 1.0]))
    with pytest.raises(ValueError, match="dB"):
        losses("test", section(["method", "s"], ["ours", 1.0]))


@pytest.mark.parametrize("name", sorted(set(COMPARISONS) & set(RECORD)))
def test_the_declared_comparisons_fit_the_record(name):
    for loss in losses(name, RECORD[name]):
        assert loss.ours != loss.best
