import json
import math
import textwrap

import pytest
from benchmarks.environment import environment
from benchmarks.peers import peer, versions
from benchmarks.table import Estimate, Table, show
from benchmarks.timing import time_interleaved

from benchmarks import __main__ as program
from benchmarks import harness, record

GOOD = """
from benchmarks.table import Table

TITLE = "A good one"

def run(quick):
    table = Table(["what", "value"], notes=["a | note\\nover two lines"])
    table.add("quick" if quick else "full", 1.5)
    return table
"""
BAD = "TITLE = 'A bad one'\ndef run(quick):\n    raise ArithmeticError('no such number')\n"
BROKEN = "import a_module_that_does_not_exist\n"
WRONG = "def run(quick):\n    return [1, 2]\n"


@pytest.fixture
def folder(tmp_path):
    for name, text in {"bad": BAD, "broken": BROKEN, "good": GOOD, "wrong": WRONG}.items():
        (tmp_path / f"bench_{name}.py").write_text(textwrap.dedent(text))
    (tmp_path / "helper.py").write_text("raise RuntimeError('not a benchmark')\n")
    return tmp_path


def test_discovery_takes_the_benchmarks_only(folder):
    assert list(harness.discover(folder)) == ["bad", "broken", "good", "wrong"]


def test_the_benchmarks_of_the_repository_are_found():
    assert "lung_separation" in harness.discover()


def test_selection_by_any_form_of_the_name(folder):
    available = harness.discover(folder)
    assert list(harness.select(available, [])) == list(available)
    assert list(harness.select(available, ["good", "bench_bad", "bench_broken.py"])) == ["good", "bad", "broken"]
    with pytest.raises(ValueError, match="nonsense; there are: bad, broken, good, wrong"):
        harness.select(available, ["nonsense"])


def test_failing_benchmarks_are_reported_and_do_not_stop_the_others(folder):
    outcomes = {outcome.name: outcome for outcome in harness.run_all(harness.discover(folder), quick=True)}
    assert outcomes["good"].table.rows == [["quick", 1.5]]
    assert outcomes["good"].error == ""
    assert outcomes["bad"].title == "A bad one"
    assert outcomes["bad"].error == "ArithmeticError: no such number"
    assert "a_module_that_does_not_exist" in outcomes["broken"].error
    assert "must return a benchmarks.table.Table, not list" in outcomes["wrong"].error


@pytest.fixture
def main(folder, monkeypatch):
    monkeypatch.setattr(harness.discover, "__defaults__", (folder,))
    monkeypatch.setattr(harness, "FOLDER", folder)
    for variable in program.THREAD_VARIABLES:
        monkeypatch.setenv(variable, "1")
    return program.main


def test_exit_codes(main, capsys):
    assert main(["good", "--quick"]) == 0
    assert main(["good", "bad", "--quick"]) == 1
    assert main(["nonsense"]) == 2
    shown = capsys.readouterr()
    assert "A good one" in shown.out
    assert "no such number" in shown.out
    assert "nonsense" in shown.err


def test_list(main, capsys):
    assert main(["--list"]) == 0
    assert capsys.readouterr().out.split() == ["bad", "broken", "good", "wrong"]


def test_a_quick_run_writes_only_where_it_is_told(main, folder, tmp_path):
    main(["good", "--quick"])
    assert not (folder / "results.md").exists()
    main(["good", "--quick", "--output", str(tmp_path / "out")])
    assert (tmp_path / "out" / "results.md").exists()


def test_a_full_run_leaves_a_record_of_all_that_ran(main, folder):
    assert main([]) == 1
    text, data = (folder / "results.md").read_text(), json.loads((folder / "results.json").read_text())
    assert "| full | 1.5 |" in text
    assert "- a | note over two lines" in text
    assert "**The last run failed:** ArithmeticError: no such number" in text
    assert data["good"]["table"]["rows"] == [["full", 1.5]]
    assert data["good"]["environment"]["python"]


def outcome(name, table=None, error=""):
    return harness.Outcome(name, name.title(), 1.0, table, error)


def test_the_record_keeps_what_was_not_measured_again(tmp_path):
    one, other = Table(["x"], [[1]]), Table(["x"], [[2]])
    record.update(tmp_path, [outcome("one", one), outcome("other", other)], {"python": "3"}, quick=False)
    first = (tmp_path / "results.md").read_bytes()
    record.update(tmp_path, [outcome("other", other)], {"python": "3"}, quick=False)
    assert (tmp_path / "results.md").read_bytes() == first
    record.update(tmp_path, [outcome("one", error="ValueError: bad")], {"python": "4"}, quick=False)
    text = (tmp_path / "results.md").read_text()
    assert "ValueError: bad" in text
    assert "| 1 |" in text


def test_numbers_survive_the_record(tmp_path):
    table = Table(["a", "b", "c"])
    table.add(Estimate(0.5, 0.25, 0.75), -math.inf, None)
    data, text = record.update(tmp_path, [outcome("one", table)], {}, quick=False)
    assert json.loads(data.read_text())["one"]["table"]["rows"][0][0]["low"] == 0.25
    assert "| 0.50 [0.25, 0.75] | -inf | – |" in text.read_text()


def test_cells_are_shown_with_three_digits():
    assert [show(cell) for cell in (0.123456, 12345.6, 7, None, "a", True)] == ["0.123", "12346", "7", "–", "a", "True"]


def test_a_row_of_another_length_is_refused():
    with pytest.raises(ValueError, match="2 cells does not fit 1 columns"):
        Table(["one"]).add(1, 2)


def test_a_missing_peer_becomes_a_note():
    table = Table(["x"])
    assert peer("a_module_that_does_not_exist", table) is None
    assert "a_module_that_does_not_exist is not importable" in table.notes[0]
    assert peer("numpy", table).__name__ == "numpy"
    assert len(table.notes) == 1


def test_the_environment_names_versions_and_neither_date_nor_host():
    assert {"torch", "numpy"} <= set(versions())
    assert set(environment()) == {"python", "system", "processor", "cores", "torch threads", "libraries"}


def test_timing_interleaves_and_compares():
    calls = []
    clock = {"slow": 40_000, "fast": 4_000}
    runs = {name: (lambda n=n, name=name: calls.append(name) or sum(range(n))) for name, n in clock.items()}
    timings = time_interleaved(runs, repetitions=5, warm_up=1)
    assert calls == ["slow", "fast", "fast", "slow"] * 3
    assert timings["slow"].ratio == 1.0
    assert timings["fast"].ratio < 0.5
    assert len(timings["fast"].seconds) == 5


def test_timing_keeps_its_budget():
    assert len(time_interleaved({"one": lambda: None}, repetitions=10**9, budget=0.0)["one"].seconds) == 1
