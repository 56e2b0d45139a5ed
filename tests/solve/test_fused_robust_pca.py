"""Fused robust PCA: the independent optimum, a certificate that never flatters, and the same iterates as the plain method."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import cvxpy
import pytest
import torch
from torch import Tensor

from foreknow import L1, Box, Component, Exact, Gaussian, GroupL2, Huber, Model, NonNegative, NuclearNorm
from foreknow.errors import DataError, ParameterError, ShapeError, UnsupportedError
from foreknow.noise import Noise
from foreknow.operators import LinearOperator, Mask, Sampling
from foreknow.priors import NonPositive, Prior, TotalVariation, TotalVariation1D
from foreknow.solve import (
    ADMM,
    CertificateKind,
    FusedRobustPCA,
    RobustPCA,
    balanced_sparse_weight,
    choose_algorithm,
    matrix_layout,
    minimize,
    robust_pca_sweep,
)
from foreknow.solve.fused_robust_pca import FusedRobustPCAState
from foreknow.solve.robust_pca_certificate import examine

SHAPE = (12, 8)


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def planted(rows: int, columns: int, rank: int, share: float, seed: int = 0) -> tuple[Tensor, Tensor]:
    """A low-rank matrix of unit variance and outliers of size 10."""
    low_rank = random(rows, rank, seed=seed) @ random(rank, columns, seed=seed + 1) / rank**0.5
    outliers = torch.rand(rows, columns, generator=torch.Generator().manual_seed(seed + 2), dtype=torch.float64) < share
    return low_rank, 10.0 * random(rows, columns, seed=seed + 3) * outliers


Y = sum(planted(*SHAPE, 2, 0.1), torch.zeros(()))
OBSERVED = torch.rand(SHAPE, generator=torch.Generator().manual_seed(9)) < 0.8
WEIGHTS = random(*SHAPE, seed=5).abs()
KEPT = OBSERVED.double().numpy()


def model(
    sparse: Prior, noise: Noise | None = None, operator: LinearOperator | None = None, weight: float = 1.0, dims: int = 2
) -> Model:
    parts = {"low_rank": Component(NuclearNorm(weight, dims), operator), "sparse": Component(sparse, operator)}
    return Model(noise=noise or Exact(), **parts)


@dataclass(frozen=True)
class Case:
    """A model, its data, and the same objective at a feasible point of the independent solver: never below the optimum."""

    model: Model
    y: Tensor
    optimum: Callable[[], float]


def _exact(
    penalty: Callable[["cvxpy.Expression"], "cvxpy.Expression"], weight: float = 1.0, sign: float = 0.0
) -> Callable[[], float]:
    def optimum() -> float:
        low_rank = cvxpy.Variable(SHAPE)
        sparse = Y.numpy() - low_rank
        objective = weight * cvxpy.normNuc(low_rank) + penalty(sparse)
        _solve(objective, [sign * sparse >= 0] if sign else [])
        if sign:  # onto the constraint, to which the solver only comes near
            low_rank.value = Y.numpy() - sign * (sign * sparse.value).clip(min=0)
        return float(objective.value)

    return optimum


def _noisy(
    penalty: Callable[["cvxpy.Expression"], "cvxpy.Expression"], kept: object = 1.0, sign: float = 0.0
) -> Callable[[], float]:
    def optimum() -> float:
        low_rank, sparse = cvxpy.Variable(SHAPE), cvxpy.Variable(SHAPE)
        fit = cvxpy.sum_squares(cvxpy.multiply(kept, Y.numpy() - low_rank - sparse)) / (2 * 0.7**2)
        objective = fit + cvxpy.normNuc(low_rank) + penalty(sparse)
        _solve(objective, [sign * sparse >= 0] if sign else [])
        if sign:
            sparse.value = sign * (sign * sparse.value).clip(min=0)
        return float(objective.value)

    return optimum


def _solve(objective: "cvxpy.Expression", constraints: list["cvxpy.Constraint"]) -> None:
    cvxpy.Problem(cvxpy.Minimize(objective), constraints).solve(solver=cvxpy.CLARABEL)  # to 1e-8, which it can be relied on for


def one_norm(x: "cvxpy.Expression") -> "cvxpy.Expression":
    return 0.3 * cvxpy.sum(cvxpy.abs(x))


def groups(x: "cvxpy.Expression") -> "cvxpy.Expression":
    return 0.5 * cvxpy.sum(cvxpy.norm(x, 2, axis=1))


def steps(x: "cvxpy.Expression") -> "cvxpy.Expression":
    return 0.5 * cvxpy.sum(cvxpy.abs(cvxpy.diff(x, axis=1)))


L1_PRIOR = L1(0.3, event_dims=2)
CASES = {
    "exact": Case(model(L1_PRIOR), Y, _exact(one_norm)),
    "exact, weighted nuclear norm": Case(model(L1_PRIOR, weight=0.7), Y, _exact(one_norm, 0.7)),
    "exact, wide": Case(model(L1_PRIOR), Y.mT.contiguous(), _exact(one_norm)),
    "exact, frames of images": Case(model(L1(0.3), dims=3), Y.reshape(12, 4, 2), _exact(one_norm)),
    "exact, one weight an entry": Case(
        model(L1(WEIGHTS, event_dims=2)), Y, _exact(lambda x: cvxpy.sum(cvxpy.multiply(WEIGHTS.numpy(), cvxpy.abs(x))))
    ),
    "exact, not negative": Case(model(L1_PRIOR & NonNegative(2)), Y, _exact(one_norm, sign=1.0)),
    "exact, not positive": Case(model(L1_PRIOR & NonPositive(2)), Y, _exact(one_norm, sign=-1.0)),
    "exact, masked": Case(
        model(L1_PRIOR, operator=Mask(OBSERVED)), Y * OBSERVED, _exact(lambda x: one_norm(cvxpy.multiply(KEPT, x)))
    ),
    "exact, sampled": Case(
        model(L1_PRIOR, operator=Sampling(OBSERVED)), Sampling(OBSERVED)(Y), _exact(lambda x: one_norm(cvxpy.multiply(KEPT, x)))
    ),
    "exact, groups": Case(model(GroupL2(0.5, axes=-1)), Y, _exact(groups)),
    "exact, total variation": Case(model(TotalVariation1D(0.5, event_dims=2)), Y, _exact(steps)),
    # The interval is wide enough to change nothing, but the prior is no norm any more.
    "exact, interval": Case(model(L1_PRIOR & Box(-30.0, 30.0, 2)), Y, _exact(one_norm)),
    "noisy": Case(model(L1_PRIOR, Gaussian(0.7)), Y, _noisy(one_norm)),
    "noisy, not negative": Case(model(L1_PRIOR & NonNegative(2), Gaussian(0.7)), Y, _noisy(one_norm, sign=1.0)),
    "noisy, masked": Case(model(L1_PRIOR, Gaussian(0.7), Mask(OBSERVED)), Y * OBSERVED, _noisy(one_norm, KEPT)),
    "noisy, groups": Case(model(GroupL2(0.5, axes=-1), Gaussian(0.7)), Y, _noisy(groups)),
}
every_case = pytest.mark.parametrize("name", CASES)


def bound(case: Case, dtype: torch.dtype = torch.float64) -> tuple:
    y = case.y.to(dtype)
    return case.model.problem.for_data(y), y


@every_case
def test_the_declared_model_reaches_the_independent_optimum(name: str) -> None:
    case = CASES[name]
    solution = case.model.solve(case.y, tolerance=1e-6)
    assert solution.algorithm == "FusedRobustPCA"
    assert solution.certificate.kind is CertificateKind.DUALITY_GAP
    optimum = case.optimum()
    assert abs(float(solution.objective) - optimum) <= 2e-6 * optimum, solution
    # What is returned has the objective that is claimed, to the share of the tolerance that its rounding may take; and the gap
    # covers that rounding too.
    coefficients = tuple(solution.coefficients.values())
    true = case.model.problem.for_data(case.y).objective(coefficients, case.y)
    torch.testing.assert_close(true, solution.objective, rtol=0.25e-6, atol=0)
    assert float(solution.certificate.absolute) >= float(true) - optimum


@every_case
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
def test_the_gap_never_flatters(name: str, dtype: torch.dtype) -> None:
    """At every stage of a run, and at points and penalties that no run would visit."""
    case = CASES[name]
    optimum = case.optimum()
    problem, y = bound(case, dtype)
    algorithm = FusedRobustPCA()
    with torch.no_grad():
        state = algorithm.init(problem, y, problem.zeros(y))
        for count in range(14):
            state = algorithm.step(problem, y, state)
            visited = [state]
            if count % 4 == 0:
                visited.append(_disturbed(state, seed=count))
            for one in visited:
                found = examine(problem, y, one.point, one.sums.gram, 1e-5)
                excess = float(found.primal) - optimum
                assert excess >= -1e-6 * optimum
                assert float(found.gap) >= excess  # the true excess is no smaller: no tolerance


def _disturbed(state: FusedRobustPCAState, seed: int) -> FusedRobustPCAState:
    array = state.point.array
    noise = random(*array.shape, seed=seed).to(array.dtype) * 10.0 ** (seed % 5 - 2)
    point = replace(state.point, array=array + noise, penalty=state.point.penalty * 10.0 ** (seed % 3 - 1))
    gram = robust_pca_sweep.Sweep(point.form, point.data, double=True).gram(point)
    return replace(state, point=point, sums=robust_pca_sweep.Sums(gram))


@every_case
def test_single_precision_comes_as_near(name: str) -> None:
    case = CASES[name]
    problem, y = bound(case, torch.float32)
    solution = minimize(problem, y, FusedRobustPCA(), tolerance=2e-5, max_iterations=2000)
    assert solution.converged, solution
    assert all(part.dtype == torch.float32 for part in solution.components.values())
    exact = case.model.solve(case.y, tolerance=1e-6)
    assert float(exact.objective) * (1 - 3e-6) <= float(solution.objective) <= float(exact.objective) * (1 + 3e-5)


def test_the_parts_sum_to_exact_data_and_obey_the_sign() -> None:
    for prior, sign in ((L1_PRIOR, 0.0), (L1_PRIOR & NonNegative(2), 1.0), (L1_PRIOR & NonPositive(2), -1.0)):
        solution = model(prior).solve(Y, tolerance=1e-5)
        torch.testing.assert_close(solution["low_rank"] + solution["sparse"], Y, rtol=0, atol=1e-12)
        assert bool((sign * solution["sparse"] >= 0).all())
        assert int((solution["sparse"] == 0).sum()) > 0


@pytest.mark.parametrize("noise", [Exact(), Gaussian(0.7)], ids=["exact", "noisy"])
def test_steps_are_those_of_the_plain_method(noise: Noise) -> None:
    """Over-relaxed ADMM with a singular value decomposition in each step, at the same penalties."""
    variance = 0.49 if isinstance(noise, Gaussian) else 0.0
    problem = model(L1_PRIOR, noise).problem.for_data(Y)
    algorithm = FusedRobustPCA(relaxation=1.5)
    rest, scaled = torch.zeros_like(Y), torch.zeros_like(Y)
    with torch.no_grad():
        state = algorithm.init(problem, Y, problem.zeros(Y))
        for _ in range(20):
            penalty, following = float(state.point.penalty), float(state.following)
            state = algorithm.step(problem, Y, state)
            left, values, right = torch.linalg.svd(Y - rest + scaled, full_matrices=False)
            low_rank = (left * torch.relu(values - 1 / penalty)) @ right
            point = Y - 1.5 * low_rank - (1 - 1.5) * (Y - rest) + scaled
            total = 1 / penalty + variance
            sparse = point.sign() * torch.relu(point.abs() - 0.3 * total)
            scaled = (point - sparse) / penalty / total
            rest = point - scaled
            scaled = scaled * penalty / following
            torch.testing.assert_close(state.point.array[0], rest + scaled, rtol=1e-9, atol=1e-11)


def test_a_step_changes_nothing_that_it_was_given() -> None:
    problem, y = bound(CASES["exact"])
    algorithm = FusedRobustPCA()
    with torch.no_grad():
        state = algorithm.advance(problem, y, algorithm.init(problem, y, problem.zeros(y)), 3)
        before = state.point.array.clone(), state.sums.gram.clone(), y.clone()
        together = algorithm.advance(problem, y, state, 5)
        alone = state
        for _ in range(5):
            alone = algorithm.step(problem, y, alone)
    for now, then in zip((state.point.array, state.sums.gram, y), before, strict=True):
        assert torch.equal(now, then)
    torch.testing.assert_close(together.point.array, alone.point.array, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("wide", [False, True], ids=["tall", "wide"])
@pytest.mark.parametrize("masked", [False, True], ids=["all", "masked"])
def test_blocks_and_thin_factors_change_nothing(monkeypatch: pytest.MonkeyPatch, *, wide: bool, masked: bool) -> None:
    low_rank, sparse = planted(500, 20, 2, 0.05)
    y = (low_rank + sparse).mT.contiguous() if wide else low_rank + sparse
    mask = torch.rand(y.shape, generator=torch.Generator().manual_seed(1)) < 0.9
    problem = model(L1(0.1, event_dims=2), operator=Mask(mask) if masked else None).problem.for_data(y)
    y = y * mask if masked else y

    def run() -> tuple[Tensor, Tensor]:
        algorithm = FusedRobustPCA()
        with torch.no_grad():
            state = algorithm.advance(problem, y, algorithm.init(problem, y, problem.zeros(y)), 10)
            return state.point.array, algorithm.look(problem, y, state, 1e-3).certificate.absolute

    expected = run()
    monkeypatch.setitem(matrix_layout._BLOCK_BYTES, "cpu", 64 * 20 * 8)
    monkeypatch.setattr(robust_pca_sweep, "_THIN_COLUMNS", 1)
    torch.testing.assert_close(run(), expected, rtol=1e-9, atol=1e-10)


def test_items_of_a_batch_are_solved_alone() -> None:
    """Each with its own scale, weight, noise and penalty; batch axes of any number."""
    y = torch.stack([Y, 100.0 * Y.roll(1, 0), 0.01 * Y.flip(0), -Y]).reshape(2, 2, *SHAPE)
    sigma = torch.tensor([0.7, 30.0, 0.01, 0.2], dtype=torch.float64).reshape(2, 2, 1, 1)
    weight = torch.tensor([1.0, 0.02, 50.0, 2.0], dtype=torch.float64).reshape(2, 2, 1, 1)

    def build(index: tuple[int, int] | None, *, noisy: bool) -> Model:
        w, s = (weight, sigma) if index is None else (float(weight[index]), float(sigma[index]))
        parts = {"low_rank": Component(NuclearNorm(w)), "sparse": Component(L1(0.3 * w, event_dims=2))}
        return Model(noise=Gaussian(s) if noisy else Exact(), **parts)

    for noisy in (False, True):
        together = build(None, noisy=noisy).solve(y, tolerance=1e-6)
        assert together.objective.shape == together.certificate.relative.shape == (2, 2)
        for index in ((0, 0), (0, 1), (1, 0), (1, 1)):
            alone = build(index, noisy=noisy).solve(y[index], tolerance=1e-6)
            torch.testing.assert_close(together.objective[index], alone.objective, rtol=2e-6, atol=0)
            torch.testing.assert_close(
                together["low_rank"][index], alone["low_rank"], rtol=0, atol=1e-2 * float(y[index].abs().max())
            )


def test_complex_data() -> None:
    y = torch.complex(Y, random(*SHAPE, seed=4))
    declared = model(L1_PRIOR)
    ours = declared.solve(y, tolerance=1e-7)
    other = minimize(declared.problem, y, ADMM(), tolerance=1e-7)
    assert ours.algorithm == "FusedRobustPCA"
    torch.testing.assert_close(ours.objective, other.objective, rtol=2e-7, atol=0)


@pytest.mark.parametrize("noise", [Exact(), Gaussian(0.3)], ids=["exact", "noisy"])
def test_a_previous_solution_is_where_it_goes_on(noise: Noise) -> None:
    low_rank, sparse = planted(300, 20, 2, 0.1)
    declared = model(L1(300**-0.5 if isinstance(noise, Exact) else 0.3, event_dims=2), noise)
    y = low_rank + sparse
    cold = declared.solve(y, tolerance=1e-5)
    again = declared.solve(y, tolerance=1e-4, algorithm=FusedRobustPCA(previous=cold.dual))
    assert again.iterations <= 4 < cold.iterations
    changed = y.clone()
    changed[::50] += 1.0
    warm = declared.solve(changed, tolerance=1e-3, algorithm=FusedRobustPCA(previous=cold.dual))
    assert warm.iterations < 0.7 * declared.solve(changed, tolerance=1e-3).iterations


@pytest.mark.parametrize(("noise", "most"), [(Exact(), 8), (Gaussian(0.3), 2)], ids=["exact", "noisy"])
def test_components_alone_are_a_start(noise: Noise, most: int) -> None:
    """Nearly complete with Gaussian noise, which gives the multiplier; with exact data that of S is still to be found."""
    low_rank, sparse = planted(300, 20, 2, 0.1)
    declared = model(L1(300**-0.5 if isinstance(noise, Exact) else 0.3, event_dims=2), noise)
    y = low_rank + sparse
    cold = declared.solve(y, tolerance=1e-5)
    again = declared.solve(y, tolerance=1e-3, start=cold.coefficients)
    assert again.iterations <= most < declared.solve(y, tolerance=1e-3).iterations


def test_a_previous_solution_of_other_data_is_refused() -> None:
    previous = model(L1_PRIOR).solve(Y, tolerance=1e-2).dual
    with pytest.raises(ShapeError, match=r"shape \(6, 8\), not \(12, 8\)"):
        model(L1_PRIOR).solve(Y[:6], algorithm=FusedRobustPCA(previous=previous))


@pytest.mark.parametrize("scale", [1e-20, 1e20])
def test_data_of_any_size_in_single_precision(scale: float) -> None:
    y = Y.float()
    usual = model(L1_PRIOR).solve(y, tolerance=1e-4)
    scaled = model(L1_PRIOR).solve(scale * y, tolerance=1e-4)
    torch.testing.assert_close(scaled.objective / scale, usual.objective, rtol=2e-4, atol=0)
    torch.testing.assert_close(scaled["low_rank"] / scale, usual["low_rank"], rtol=0, atol=0.05)


@pytest.mark.parametrize("noise", [Exact(), Gaussian(0.1)], ids=["exact", "noisy"])
def test_degenerate_data(noise: Noise) -> None:
    declared = model(L1(0.3, event_dims=2), noise)  # above every entry of U V^H of equal frames
    zero = declared.solve(torch.zeros(40, 6), tolerance=1e-5)
    assert zero.converged
    assert not any(bool(part.any()) for part in zero.components.values())
    frame = random(40, 1).float()
    still = declared.solve(frame.expand(40, 6).contiguous(), tolerance=1e-5)
    assert still.converged
    assert not bool(still["sparse"].any())  # equal frames are background
    one = declared.solve(frame, tolerance=1e-5)
    assert one.converged


def test_data_that_are_not_finite_are_refused() -> None:
    y = Y.clone()
    y[3, 4] = torch.nan
    with pytest.raises(DataError, match="1 values that are NaN or infinite; remove or mask them first"):
        model(L1_PRIOR).solve(y)


def test_missing_entries_are_filled_in() -> None:
    low_rank, sparse = planted(400, 30, 2, 0.05)
    mask = torch.rand(400, 30, generator=torch.Generator().manual_seed(3)) < 0.7
    solution = model(L1(2 * 400**-0.5, event_dims=2), operator=Mask(mask)).solve((low_rank + sparse) * mask, tolerance=1e-7)
    error = torch.linalg.vector_norm(solution.coefficients["low_rank"] - low_rank) / torch.linalg.vector_norm(low_rank)
    assert float(error) < 1e-4
    assert not bool(solution.coefficients["sparse"][~mask].any())


def test_data_outside_the_mask_are_refused() -> None:
    with pytest.raises(DataError, match="multiply them by the mask"):
        model(L1_PRIOR, operator=Mask(OBSERVED)).solve(Y)


def test_exact_recovery_with_the_weight_that_the_data_suggest() -> None:
    low_rank, sparse = (part.float() for part in planted(10000, 50, 10, 0.02))
    y = low_rank + sparse
    solution = model(L1(balanced_sparse_weight(y), event_dims=2)).solve(y, tolerance=2e-6)
    for found, true in ((solution["low_rank"], low_rank), (solution["sparse"], sparse)):
        assert float(torch.linalg.vector_norm(found - true) / torch.linalg.vector_norm(true)) < 1e-5
    assert abs(float((solution["sparse"] == 0).float().mean() - (sparse == 0).float().mean())) < 1e-3


OTHERS = {
    "three components": Model(a=Component(NuclearNorm()), b=Component(L1_PRIOR), c=Component(L1_PRIOR), noise=Exact()),
    "no nuclear norm": Model(a=Component(L1_PRIOR), b=Component(L1_PRIOR), noise=Exact()),
    "nuclear norm of each slice": Model(a=Component(NuclearNorm().over(3)), b=Component(L1(0.3, event_dims=3)), noise=Exact()),
    "other noise": model(L1_PRIOR, Huber()),
    "prior in parts": model(TotalVariation(0.3)),
    "two masks": Model(a=Component(NuclearNorm(), Mask(OBSERVED)), b=Component(L1_PRIOR, Mask(~OBSERVED)), noise=Gaussian()),
    "groups behind a mask": model(GroupL2(0.3), Gaussian(), Mask(OBSERVED)),
    "no weight": model(L1_PRIOR, weight=0.0),
}


@pytest.mark.parametrize("name", OTHERS)
def test_other_models_go_to_the_general_algorithms(name: str) -> None:
    y = Y if OTHERS[name].problem.event_dims == 2 else Y.reshape(3, 4, 8)
    problem = OTHERS[name].problem.for_data(y)
    assert not isinstance(choose_algorithm(problem), FusedRobustPCA)
    with pytest.raises(UnsupportedError, match="use ADMM"):
        minimize(problem, y, FusedRobustPCA())


def test_total_variation_of_images_is_solved_and_certified() -> None:
    solution = model(TotalVariation(0.5), Gaussian(0.5)).solve(Y, tolerance=1e-3)
    assert solution.certificate.kind is CertificateKind.DUALITY_GAP
    assert solution.converged


def test_the_relaxation_has_a_range() -> None:
    with pytest.raises(ParameterError, match=r"\[1, 2\)"):
        FusedRobustPCA(relaxation=2.0)


def test_the_form_to_unroll_reaches_the_same_point() -> None:
    problem, y = bound(CASES["exact"])
    fused, plain = (minimize(problem, y, algorithm, tolerance=1e-6) for algorithm in (FusedRobustPCA(), RobustPCA()))
    torch.testing.assert_close(fused.objective, plain.objective, rtol=2e-6, atol=0)


@pytest.mark.gpu
def test_on_a_gpu() -> None:
    low_rank, sparse = planted(2000, 30, 3, 0.1)
    y = (low_rank + sparse).float()
    declared = model(L1(2000**-0.5, event_dims=2))
    there = declared.to("cuda").solve(y.cuda(), tolerance=1e-4)
    here = model(L1(2000**-0.5, event_dims=2)).solve(y, tolerance=1e-4)
    torch.testing.assert_close(there.objective.cpu(), here.objective, rtol=2e-4, atol=0)
