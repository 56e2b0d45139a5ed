"""The benchmarks of solvers run without their peers, which they then report as missing; and what counts steps counts right."""

import sys

import pytest
import torch
from benchmarks.reaching import excesses, first_below, run_steps

from benchmarks import bench_convolutional_sparse_coding as coding
from benchmarks import bench_lasso as lasso
from foreknow.solve import ADMM, FISTA, minimize

PEERS = ("sporco.admm.cbpdn", "sporco.pgm.cbpdn", "pyproximal", "pylops", "celer", "skglm")


@pytest.fixture
def no_peers(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in PEERS:
        monkeypatch.setitem(sys.modules, module, None)


def test_the_first_step_at_or_below_each_target() -> None:
    read = []
    values = (read.append(value) or value for value in (1.0, 0.1, 0.2, 0.01, 0.001))
    assert first_below(values, [0.05, 0.1]) == {0.05: 4, 0.1: 2}
    assert read == [1.0, 0.1, 0.2, 0.01]
    assert first_below([1.0, 0.5], [0.6, 0.1]) == {0.6: 2, 0.1: None}


@pytest.mark.parametrize("batch", [0, 3])
def test_steps_are_counted_to_the_worst_item_of_a_batch(batch: int) -> None:
    case = coding.make("small", 4, (6,), (64,), batch)
    for algorithm in (ADMM(), FISTA()):
        (count,) = first_below(excesses(case.problem, case.y, algorithm, case.optimum, 500), [1e-4]).values()
        assert count is not None
        code = run_steps(case.problem, case.y, algorithm, count).double()
        problem = case.problem.for_data(case.y)
        assert float((problem.objective((code,), case.y.double()) / case.optimum - 1).max()) <= 1e-4
        fewer = run_steps(case.problem, case.y, algorithm, count - 1).double()
        assert float((problem.objective((fewer,), case.y.double()) / case.optimum - 1).max()) > 1e-4


def test_a_peer_is_judged_by_the_same_objective() -> None:
    """Coefficients in sporco's order of axes have the objective that they have in ours."""
    for batch in (0, 3):
        case = coding.make("small", 4, (6,), (64,), batch)
        code = minimize(case.problem, case.y.double(), ADMM(), tolerance=1e-9).coefficients["code"]
        theirs = code.reshape(max(batch, 1), 4, 64).permute(2, 0, 1)[:, None]
        assert abs(case.judge(theirs.numpy())) <= 1e-8
        assert case.judge(2 * theirs.numpy()) > 0.1


@pytest.mark.usefixtures("no_peers")
def test_convolutional_sparse_coding_without_peers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(coding, "QUICK_CASES", (("small", 4, (6,), (64,), 2),))
    monkeypatch.setattr(coding, "GRID", (0.3, 1.0))
    table = coding.run(quick=True)
    assert len(table.rows) == 4
    assert all(isinstance(row[3], int) for row in table.rows)
    assert sum("is not importable here" in note for note in table.notes) == 2
    assert any("at the same penalty not measured" in note for note in table.notes)


@pytest.mark.usefixtures("no_peers")
def test_lasso_without_peers(monkeypatch: pytest.MonkeyPatch) -> None:
    small = lasso.make
    monkeypatch.setattr(lasso, "make", lambda _, correlation, fraction, items: small((20, 60), correlation, fraction, items))
    monkeypatch.setattr(lasso, "SETTINGS", ((0.0, 0.1),))
    table = lasso.run(quick=True)
    assert [row[1] for row in table.rows].count("foreknow FISTA") == 4
    assert sum("is not importable here" in note for note in table.notes) == 4


def test_an_item_that_is_not_solved_is_seen() -> None:
    case = lasso.make((20, 60), 0.0, 0.1, 3)
    solution = minimize(case.problem(torch.float64), case.y.double(), FISTA(), tolerance=1e-9).coefficients["code"]
    assert abs(case.judge(solution.numpy())) <= 1e-8
    solution[1] = 0.0
    assert case.judge(solution.numpy()) > 0.1
