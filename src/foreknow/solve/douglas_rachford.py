"""Douglas-Rachford splitting: the proximal map of the whole data term against those of the priors."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from foreknow.errors import ParameterError, UnsupportedError
from foreknow.noise import Gaussian
from foreknow.problem import Coefficients, Problem
from foreknow.solve.algorithm import Algorithm, Iterate
from foreknow.solve.blocks import add, dot, scale_items
from foreknow.solve.least_squares import FourierLeastSquares, periodic_spectra
from foreknow.solve.penalty import BalancedPenalty

_FORGETTING = 100.0  # steps after which a change of the step weighs half as much
_RANGE = 1e4  # how far the step may be moved from where it starts


class DataProximity(ABC):
    """The proximal map of x -> D(A x; y), over all components at once."""

    @abstractmethod
    def __call__(self, problem: Problem, y: Tensor, point: Coefficients, step: Tensor) -> Coefficients:
        r"""argmin_x 1/2 |x - point|^2 + step D(A x; y).

        Args:
            problem: the one that this was made for.
            y: the data, (\*batch, \*shape).
            point: one tensor a component.
            step: positive, (\*batch,).
        """


class TightFrameProximity(DataProximity):
    """A A^* = c I: p + A^* (prox_{c step D}(A p) - A p) / c, for every noise (Combettes and Pesquet 2007, proposition 11).

    Args:
        cogram: the number c.
    """

    def __init__(self, cogram: float) -> None:
        self.cogram = cogram

    def __call__(self, problem: Problem, y: Tensor, point: Coefficients, step: Tensor) -> Coefficients:
        """One A, one A^* and one proximal map of the noise."""
        signal = problem.synthesize(point)
        moved = problem.noise.prox(signal, y, self.cogram * problem.expand_data(step))
        return add(point, problem.adjoint(moved - signal), 1 / self.cogram)


class FourierProximity(DataProximity):
    """Periodic convolutions under Gaussian noise: least squares, solved in Fourier space.

    Args:
        solver: made for the problem.
    """

    def __init__(self, solver: FourierLeastSquares) -> None:
        self.solver = solver

    def __call__(self, problem: Problem, y: Tensor, point: Coefficients, step: Tensor) -> Coefficients:
        """The misfit weighs step / sigma^2."""
        return self.solver(problem, point, y, step * problem.noise.lipschitz(problem.event_dims).to(step), point)


@dataclass(frozen=True)
class DouglasRachfordState:
    """The priors' point w and scaled dual (z - w, with z the governing sequence); the data term's x and what it came from.

    Attributes:
        coefficients: w, inside the domain of every prior.
        dual: z - w, step times a subgradient of the priors at w.
        fitted: x, the proximal point of the data term.
        before: what x is the proximal point of.
        fitted_step: the step of that proximal map, (*batch,).
        step: of the next one, (*batch,).
        first_step: where it began.
        count: how many steps were made.
        proximity: of the data term.
    """

    coefficients: Coefficients
    dual: Coefficients
    fitted: Coefficients
    before: Coefficients
    fitted_step: Tensor
    step: Tensor
    first_step: Tensor
    count: int
    proximity: DataProximity


class DouglasRachford(Algorithm[DouglasRachfordState]):
    r"""x <- prox_{step D(A .)}(2 w - z), z <- z + relaxation (x - w), w <- prox_{step R}(z) (Lions and Mercier 1979).

    Over-relaxed as in Eckstein and Bertsekas (1992). It takes the data term whole, so that it needs its proximal map: any noise
    where all components together are a tight frame (A A^* = c I; identities, orthonormal transforms), or Gaussian noise where all
    are periodic convolutions. The candidate is w, which has the zeros of the priors and lies in their sets.

    The step, unless given, starts at 4 \|x\|^2 / R(x) of a first guess and follows \|w\| / \|u\|, the size of the primal over that
    of the dual variable, with weights that die out so that the method still converges (Lorenz and Tran-Dinh 2019, "Non-stationary
    Douglas-Rachford and alternating direction method of multipliers", section 5).

    Args:
        step: positive and constant; None for one that finds itself.
        relaxation: in (0, 2).

    Raises:
        ParameterError: if the step is not positive, or the relaxation out of its range.
    """

    def __init__(self, step: float | None = None, relaxation: float = 1.5) -> None:
        if not 0 < relaxation < 2:
            message = f"the relaxation of Douglas-Rachford splitting must be in (0, 2), not {relaxation}"
            raise ParameterError(message)
        if step is not None and not 0 < step < float("inf"):
            message = f"the step of Douglas-Rachford splitting must be positive and finite, not {step}"
            raise ParameterError(message)
        self.constant_step = step
        self.relaxation = relaxation

    def check(self, problem: Problem) -> None:
        """Needs a proximal map of every prior, and one of the data term in closed form."""
        problem.require_proximal(self.name)
        if problem.shape is not None:  # what an operator declared for any shape can do is known when it is bound
            _data_proximity(problem, torch.zeros(()))

    def init(self, problem: Problem, y: Tensor, start: Coefficients) -> DouglasRachfordState:
        """Start from ``start`` with zero duals."""
        ones = torch.ones(problem.batch_shape(y), dtype=y.dtype.to_real(), device=y.device)
        step = 1 / BalancedPenalty().initial(problem, y) if self.constant_step is None else self.constant_step * ones
        dual = tuple(torch.zeros_like(part) for part in start)
        return DouglasRachfordState(start, dual, start, start, step, step, step, 0, _data_proximity(problem, y))

    def step(self, problem: Problem, y: Tensor, state: DouglasRachfordState) -> DouglasRachfordState:
        """The proximal map of the data term, relaxation, those of the priors, then the step."""
        before = add(state.coefficients, state.dual, -1)
        fitted = state.proximity(problem, y, before, state.step)
        governing = tuple(w + d + self.relaxation * (x - w) for w, d, x in zip(state.coefficients, state.dual, fitted, strict=True))
        coefficients = problem.prox(governing, state.step)
        dual = add(governing, coefficients, -1)
        step = state.step
        if self.constant_step is None:
            step = self._next_step(problem, state, coefficients, dual)
            dual = scale_items(problem, step / state.step, dual)
        return DouglasRachfordState(
            coefficients, dual, fitted, before, state.step, step, state.first_step, state.count + 1, state.proximity
        )

    def _next_step(self, problem: Problem, state: DouglasRachfordState, coefficients: Coefficients, dual: Coefficients) -> Tensor:
        square, dual_square = dot(problem, coefficients, coefficients), dot(problem, dual, dual)
        usable = (square > 0) & (dual_square > 0)
        balanced = state.step * (torch.where(usable, square, 1.0) / torch.where(usable, dual_square, 1.0)).sqrt()
        balanced = torch.minimum(torch.maximum(balanced, state.first_step / _RANGE), state.first_step * _RANGE)
        weight = 0.5 ** (state.count / _FORGETTING)
        return torch.where(usable, torch.lerp(state.step, balanced, weight), state.step)

    def iterate(self, problem: Problem, y: Tensor, state: DouglasRachfordState) -> Iterate:
        """The priors' point, with the subgradient of D at A x that the proximal map of the data term found."""
        if problem.noise.smooth:
            return Iterate(state.coefficients, problem.noise.gradient(problem.synthesize(state.fitted), y))
        cogram = problem.cogram_scale()
        if cogram is None:  # the check lets only smooth noise through without a tight frame
            message = f"{self.name} needs a tight frame under {type(problem.noise).__name__} noise"
            raise UnsupportedError(message)
        pull = problem.synthesize(add(state.before, state.fitted, -1))
        return Iterate(state.coefficients, pull / (cogram * problem.expand_data(state.fitted_step)))

    def transfer(self, problem: Problem, y: Tensor, state: DouglasRachfordState) -> DouglasRachfordState:
        """The proximal map of the data term is renewed, as it holds what it knows of the operators."""
        return replace(state, proximity=_data_proximity(problem, y))


def _data_proximity(problem: Problem, y: Tensor) -> DataProximity:
    cogram = problem.cogram_scale()
    if cogram is not None:
        return TightFrameProximity(cogram)
    if isinstance(problem.noise, Gaussian):
        spectra = periodic_spectra(problem, y)
        if spectra is not None:
            return FourierProximity(FourierLeastSquares(spectra, problem.event_dims))
    pairs = zip(problem.names, problem.linear_operators(), strict=True)
    name, kind = next((name, type(operator).__name__) for name, operator in pairs if operator.cogram_scale is None)
    message = (
        f"DouglasRachford needs the proximal map of the data term, which the operator {kind} of component {name!r} does not allow: "
        "only tight frames (A A^* = c I) do, or under Gaussian noise periodic convolutions only; use ADMM(), FISTA() or PDHG()"
    )
    raise UnsupportedError(message)
