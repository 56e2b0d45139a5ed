"""The automatic penalty of ADMM is nearly as good as the best fixed one, from wherever it starts."""

from dataclasses import dataclass
from functools import cache

import pytest
import torch
from torch import Tensor

from foreknow import L1, Component, Exact, Gaussian, Model, NuclearNorm
from foreknow.errors import ParameterError
from foreknow.operators import Convolution, Dictionary, FFTConvolution
from foreknow.problem import Problem
from foreknow.solve import ADMM, minimize
from foreknow.solve.penalty import BalancedPenalty, FixedPenalty, Move, PenaltyRule
from foreknow.solve.precision import at_precision

GRID = tuple(10.0 ** (k / 2) for k in range(-5, 5))  # 0.003 to 100


def draw(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def spikes(*shape: int) -> Tensor:
    return draw(*shape, seed=6) * (torch.rand(shape, generator=torch.Generator().manual_seed(1)) < 0.03)


def unit(atoms: Tensor) -> Tensor:
    return atoms / torch.linalg.vector_norm(atoms.flatten(1), dim=1).reshape(-1, *(1,) * (atoms.ndim - 1))


@dataclass(frozen=True)
class Case:
    """A problem, its data and its optimum."""

    problem: Problem
    y: Tensor
    optimum: float

    def steps(self, algorithm: ADMM, excess: float, limit: int = 600) -> int:
        """Steps until the objective is within ``excess`` of the optimum, relative; ``limit`` if it is not by then."""
        state = algorithm.init(self.problem, self.y, self.problem.zeros(self.y))
        for count in range(1, limit):
            state = algorithm.step(self.problem, self.y, state)
            (x,) = algorithm.iterate(self.problem, self.y, state).coefficients
            if float(self.problem.objective((x,), self.y)) <= (1 + excess) * self.optimum:
                return count
        return limit


@cache
def case(name: str) -> Case:
    if name == "image":
        operator, weight, shape = Dictionary(unit(draw(6, 4, 4)), "circular", domain=(6, 20, 20)), 0.1, (20, 20)
    elif name == "signal":
        operator, weight, shape = Dictionary(unit(draw(8, 12)), "circular", domain=(8, 200)), 0.1, (200,)
    elif name == "channels":
        operator, weight, shape = Convolution(draw(3, 8, 12) / 6, "circular", domain=(8, 200)), 0.1, (3, 200)
    else:
        blur = torch.hann_window(9, dtype=torch.float64, periodic=False)
        operator, weight, shape = FFTConvolution(blur / blur.sum(), domain=200), 0.02, (200,)
    y = operator(spikes(*operator.domain)) + 0.5 * weight * draw(*shape, seed=3)
    problem = Model(code=Component(L1(weight, event_dims=operator.domain_dims), operator)).problem.for_data(y)
    problem = at_precision(problem, torch.float64)
    return Case(problem, y, float(minimize(problem, y, ADMM(), tolerance=1e-11, max_iterations=20000).objective))


@cache
def best_of_the_grid(name: str, excess: float) -> int:
    least = 150
    for value in GRID:
        least = min(least, case(name).steps(ADMM(FixedPenalty(value)), excess, least))
    return least


CASES = ("image", "signal", "channels", "deconvolution")


@pytest.mark.parametrize("excess", [1e-4, 1e-6])
@pytest.mark.parametrize("name", CASES)
def test_automatic_is_within_half_as_many_steps_more_of_the_best_fixed_one(name: str, excess: float) -> None:
    automatic = case(name).steps(ADMM(), excess)
    best = best_of_the_grid(name, excess)
    assert best < 150
    assert automatic <= 1.5 * best + 10  # ten for what a start that is not quite right takes to mend


@pytest.mark.parametrize("start", [1e-5, 1e-2, 1e2, 1e5])
@pytest.mark.parametrize("name", CASES)
def test_a_bad_start_is_mended(name: str, start: float) -> None:
    """Kept at 1e-5 or 1e5, the penalty would need far more than 600 steps."""
    assert case(name).steps(ADMM(start), 1e-6) <= 1.5 * best_of_the_grid(name, 1e-6) + 60


@pytest.mark.parametrize("penalty", [1e-5, 1e5])
def test_which_a_fixed_one_is_not(penalty: float) -> None:
    assert case("image").steps(ADMM(FixedPenalty(penalty)), 1e-6) == 600


def test_penalties_follow_a_change_of_units() -> None:
    """If data and weight are a thousand times as large, so is the penalty's unit: 1 (x and u scale alike), iterates the same."""
    one = case("signal")
    scaled = Model(code=Component(L1(100.0, event_dims=2), one.problem.linear_operators()[0])).problem.for_data(one.y)
    for algorithm in (ADMM(), ADMM(FixedPenalty(0.7))):
        first = algorithm.init(one.problem, one.y, one.problem.zeros(one.y))
        other = algorithm.init(scaled, 1000 * one.y, scaled.zeros(one.y))
        for _ in range(30):
            first, other = algorithm.step(one.problem, one.y, first), algorithm.step(scaled, 1000 * one.y, other)
        torch.testing.assert_close(other.penalty, first.penalty)
        torch.testing.assert_close(other.split[0], 1000 * first.split[0])


def test_each_item_of_a_batch_has_its_own() -> None:
    one = case("signal")
    y = torch.stack([one.y, 0.01 * one.y.roll(3), 100 * one.y])
    algorithm = ADMM()
    state = algorithm.init(one.problem, y, one.problem.zeros(y))
    for _ in range(20):
        state = algorithm.step(one.problem, y, state)
    for item, data in enumerate(y):
        alone = algorithm.init(one.problem, data, one.problem.zeros(data))
        for _ in range(20):
            alone = algorithm.step(one.problem, data, alone)
        torch.testing.assert_close(state.penalty[item], alone.penalty)
        torch.testing.assert_close(state.split[0][item], alone.split[0])
    assert len(set(state.penalty.tolist())) == 3


def test_changes_of_the_penalty_die_out() -> None:
    """However the iterates move, the n-th change is at most 4^((10 / n)^2)."""
    one = case("signal")
    rule = BalancedPenalty()
    blocks = tuple(draw(1, 8, 200, seed=seed) for seed in range(2))
    for count in (4, 49, 99, 499, 4999):
        move = Move(blocks[:1], blocks[1:], (1e9 * blocks[0],), (1e9 * blocks[1],), count)
        factor = rule.factor(one.problem, move)
        assert factor is not None
        assert float(factor) == pytest.approx(4 ** min(1.0, (50 / (count + 1)) ** 2))
    assert rule.factor(one.problem, Move(blocks[:1], blocks[1:], blocks[:1], blocks[1:], 5)) is None


@pytest.mark.parametrize("scale", [0.0, 1e-30, 1e30])
def test_data_of_any_size_start_with_a_finite_penalty(scale: float) -> None:
    one = case("signal")
    penalty = BalancedPenalty().initial(one.problem, scale * one.y)
    assert 0 < float(penalty) < float("inf")


def test_a_problem_where_the_prior_has_no_size_starts_from_the_data_term() -> None:
    operator = FFTConvolution(torch.ones(3, dtype=torch.float64), domain=12)
    problem = Model(signal=Component(None, operator), noise=Gaussian(0.5)).problem.onto((12,))
    penalty = BalancedPenalty().initial(problem, torch.ones(12, dtype=torch.float64))
    assert float(penalty) == pytest.approx(9 / 0.5**2)  # |A c|^2 / (|c|^2 sigma^2) of a constant c


def test_exact_data_have_no_part_in_the_balance() -> None:
    """Their block is at its optimum from the first step on; the parts' blocks decide."""
    y = draw(8, 6)
    model = Model(low_rank=Component(NuclearNorm()), sparse=Component(L1(0.4, event_dims=2)), noise=Exact())
    problem = model.problem.for_data(y)
    parts = tuple(draw(8, 6, seed=seed) for seed in range(4))
    for data in (draw(8, 6, seed=9), 1e6 * draw(8, 6, seed=10)):
        move = Move((*parts[:2], data), (*parts[2:], -data), (*parts[2:], data), (*parts[:2], 2 * data), 4)
        factor = BalancedPenalty().factor(problem, move)
        assert factor is not None
        assert float(factor) == pytest.approx(1.2)


@pytest.mark.parametrize("value", [0.0, -1.0, float("nan"), float("inf")])
@pytest.mark.parametrize("make", [FixedPenalty, BalancedPenalty, ADMM], ids=lambda kind: kind.__name__)
def test_a_penalty_is_positive(make: type, value: float) -> None:
    with pytest.raises(ParameterError, match="positive"):
        make(value)


def test_every_item_of_a_fixed_penalty_is_positive() -> None:
    with pytest.raises(ParameterError, match="positive"):
        FixedPenalty(torch.tensor([1.0, 0.0]))


def test_a_rule_of_ones_own() -> None:
    class Doubling(PenaltyRule):
        def initial(self, problem: Problem, y: Tensor) -> Tensor:
            return torch.ones(problem.batch_shape(y), dtype=y.dtype)

        def factor(self, problem: Problem, move: Move) -> Tensor | None:  # noqa: ARG002
            return None if move.count else torch.tensor(2.0, dtype=torch.float64)

    one = case("signal")
    algorithm = ADMM(Doubling())
    state = algorithm.init(one.problem, one.y, one.problem.zeros(one.y))
    for expected in (2.0, 2.0):
        before, state = state, algorithm.step(one.problem, one.y, state)
        assert float(state.penalty) == expected
    fixed = ADMM(FixedPenalty(2.0))  # the unscaled dual is kept when the penalty changes
    torch.testing.assert_close(fixed.step(one.problem, one.y, before).split[0], state.split[0])
