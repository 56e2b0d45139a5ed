"""The model: one declaration of what is known, and the ways to use it."""

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from foreknow.errors import ParameterError
from foreknow.inject import ModelLoss, Treatment
from foreknow.noise import Gaussian, Noise
from foreknow.problem import Coefficients, Component, Problem
from foreknow.solve import Algorithm, ConvergenceWarning, Progress, Solution, choose_algorithm, minimize
from foreknow.unroll import Differentiation, Learnable, UnrolledNetwork, Weights, choose_unrolled


class Model(nn.Module):
    r"""y = sum_i A_i x_i + noise with a prior on every x_i: Bayes' rule as an object.

    Example:
        >>> import torch
        >>> from foreknow import L1, Component, Exact, Model, NuclearNorm
        >>> model = Model(
        ...     background=Component(NuclearNorm()),
        ...     moving=Component(L1(weight=0.1)),
        ...     noise=Exact(),
        ... )
        >>> print(model)
        minimise over x_background, x_moving:  indicator(y = (x_background + x_moving))  +  |x_background|_*  +  0.1 |x_moving|_1
        >>> solution = model.solve(torch.ones(30, 20, dtype=torch.float64))
        >>> solution.converged
        True

    Args:
        noise: the data term; `Gaussian` with unit standard deviation if not given.
        event_dims: number of trailing axes of one data item, where operators and priors do not imply it.
        components: by name; each a `Component` of a prior and an operator.

    Raises:
        ParameterError: if there is no component, or one is not a `Component`.
    """

    def __init__(self, *, noise: Noise | None = None, event_dims: int | None = None, **components: Component) -> None:
        super().__init__()
        for name, component in components.items():
            if not isinstance(component, Component):
                message = f"component {name!r} must be a Component(prior, operator), not {type(component).__name__}"  # type: ignore[unreachable]
                raise ParameterError(message)
        self.problem = Problem(components, Gaussian() if noise is None else noise, event_dims)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the components, in the order of declaration."""
        return self.problem.names

    def __str__(self) -> str:
        return self.problem.formula

    def objective(self, coefficients: dict[str, Tensor], y: Tensor) -> Tensor:
        """The data term plus the priors, (*batch,).

        Args:
            coefficients: x_i by component name, (*batch, *domain of A_i).
            y: the data, (*batch, *shape).
        """
        problem = self.problem.for_data(y)
        return problem.objective(self._ordered(coefficients), y)

    def solve(
        self,
        y: Tensor,
        *,
        algorithm: Algorithm[Any] | None = None,
        tolerance: float = 1e-5,
        max_iterations: int = 5000,
        start: dict[str, Tensor] | None = None,
        callback: Callable[[Progress], None] | None = None,
    ) -> Solution:
        """The components that explain y best (maximum a posteriori), with a certificate.

        Args:
            y: the data, (*batch, *shape); computed in its dtype on its device, the certificate in float64.
            algorithm: how to solve; `foreknow.solve.choose_algorithm` if None.
            tolerance: relative duality gap (or residual, where no gap can be had) at which to stop.
            max_iterations: after which to give up, with a `ConvergenceWarning`.
            start: initial coefficients by component name.
            callback: told the progress.

        Raises:
            DataError, ShapeError: if y does not fit.
            UnsupportedError: if the algorithm cannot treat the model.
        """
        problem = self.problem.for_data(y)
        chosen = choose_algorithm(problem) if algorithm is None else algorithm
        first = None if start is None else self._ordered(start)
        solution = minimize(problem, y, chosen, tolerance=tolerance, max_iterations=max_iterations, start=first, callback=callback)
        if not solution.converged:
            warnings.warn(f"{solution}; asked for {tolerance:.1e}", ConvergenceWarning, stacklevel=2)
        return solution

    def unroll(
        self,
        steps: int = 12,
        *,
        learn: Sequence[Learnable] = (Weights(),),
        algorithm: Algorithm[Any] | None = None,
        shared: bool = False,
        differentiation: Differentiation | None = None,
        safeguard: bool = False,
    ) -> UnrolledNetwork:
        """The algorithm as a network: ``steps`` steps whose parameters can be trained, read and trusted.

        Args:
            steps: number of steps.
            learn: what training may change, objects of `foreknow.unroll` such as ``Weights()``, ``StepSizes()``, ``Operators()``.
            algorithm: what is unrolled; `foreknow.unroll.choose_unrolled` if None.
            shared: whether all steps have the same parameters.
            differentiation: how gradients are taken; `foreknow.unroll.Backprop` if None.
            safeguard: whether a learned step is replaced by the classical one where that gives a lower declared objective.

        Raises:
            UnsupportedError: if the algorithm cannot treat the model.
        """
        chosen = choose_unrolled(self.problem) if algorithm is None else algorithm
        return UnrolledNetwork(
            self.problem, chosen, steps, learn, shared=shared, differentiation=differentiation, safeguard=safeguard
        )

    def loss(self, *, eliminate: str | None = None, treatment: Treatment | None = None) -> ModelLoss:
        """The objective as a loss that trains any network without labels.

        Args:
            eliminate: name of the component that the network does not emit, because its best value is known in closed form: take
                the sparse one, which then has exact zeros. None to let the network emit all.
            treatment: of the priors of what is emitted, an object of `foreknow.inject`; the forward-backward envelope if None.

        Raises:
            ParameterError: if there is no such component.
            UnsupportedError: if a prior has no value or no proximal map, or the component cannot be eliminated.
        """
        return ModelLoss(self.problem, eliminate, treatment)

    def simulate(
        self, coefficients: dict[str, Tensor], generator: torch.Generator | None = None
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """A draw of the data, given the coefficients.

        Args:
            coefficients: x_i by component name, (*batch, *domain of A_i).
            generator: source of the noise.

        Returns:
            y, and the noise-free signals A_i x_i by name.
        """
        parts = self.problem.parts(self._ordered(coefficients))
        clean = torch.stack(parts).sum(dim=0)
        return self.problem.noise.sample(clean, generator), dict(zip(self.names, parts, strict=True))

    def _ordered(self, coefficients: dict[str, Tensor]) -> Coefficients:
        if set(coefficients) != set(self.names):
            message = f"the model has the components {self.names}, but coefficients were given for {tuple(coefficients)}"
            raise ParameterError(message)
        return tuple(coefficients[name] for name in self.names)
