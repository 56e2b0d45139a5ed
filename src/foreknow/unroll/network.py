"""The network that a declared model and an algorithm unroll into."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from foreknow.errors import ParameterError
from foreknow.problem import Coefficients, Problem
from foreknow.solve import Algorithm, Certificate, duality_gap
from foreknow.solve.certificate import in_double
from foreknow.unroll.differentiation import Backprop, Differentiation
from foreknow.unroll.knowledge import Knowledge, read_knowledge
from foreknow.unroll.layer import Layer
from foreknow.unroll.learnable import Learnable
from foreknow.unroll.safeguard import Safeguard
from foreknow.unroll.unrolling import Unrolling


@dataclass(frozen=True)
class Estimate:
    r"""What an unrolled network returns.

    Attributes:
        coefficients: x_i by component name, (\*batch, \*domain of A_i).
        components: the signals A_i x_i by component name, (\*batch, \*shape).
        certificate: how far the coefficients are from the optimum of the declared model, where it was asked for.
    """

    coefficients: dict[str, Tensor]
    components: dict[str, Tensor]
    certificate: Certificate | None = None

    def __getitem__(self, name: str) -> Tensor:
        """The signal of one component."""
        return self.components[name]


class UnrolledNetwork(nn.Module):
    r"""A fixed number of steps of an algorithm on a declared model, with parameters that are knowledge.

    Before any training the network computes what the algorithm does. What may be learned is what ``learn`` names; all else stays.

    Args:
        problem: declared for any shape.
        algorithm: differentiable; its states hold no parameter of the problem that its ``transfer`` does not renew.
        steps: their number K, at least 1.
        learn: what to learn; nothing if empty.
        shared: whether all steps have the same parameters (then more steps than in training may be taken, see `with_steps`).
        differentiation: how gradients are taken.
        safeguard: whether a learned step is replaced by the classical one where that gives a lower declared objective.

    Raises:
        ParameterError: if ``steps`` is not positive, or there is nothing to learn where ``learn`` names something.
        UnsupportedError: if the algorithm cannot treat the model or cannot be differentiated.
    """

    def __init__(
        self,
        problem: Problem,
        algorithm: Algorithm[Any],
        steps: int,
        learn: Sequence[Learnable] = (),
        *,
        shared: bool = False,
        differentiation: Differentiation | None = None,
        safeguard: bool = False,
    ) -> None:
        super().__init__()
        if steps < 1:
            message = f"an unrolled network has at least one step, not {steps}"
            raise ParameterError(message)
        algorithm.check(problem)
        self.steps = steps
        self.shared = shared
        self.differentiation = Backprop() if differentiation is None else differentiation
        self.declared = copy.deepcopy(problem).requires_grad_(requires_grad=False)
        self.algorithm = algorithm
        self.layers = nn.ModuleList(Layer(problem, algorithm) for _ in range(1 if shared else steps))
        for layer in self.layers:
            for what in learn:
                what.release(layer)  # type: ignore[arg-type]
        self.safeguard = Safeguard(self.declared, algorithm) if safeguard else None

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the components."""
        return self.declared.names

    def layer(self, step: int) -> Layer:
        """The layer of a step, counted from 0 (or from the end)."""
        found: Any = self.layers[0] if self.shared else self.layers[step]
        return found

    def forward(self, y: Tensor, start: dict[str, Tensor] | None = None, *, certify: bool = False) -> Estimate:
        r"""The components after the last step.

        Args:
            y: the data, (\*batch, \*shape).
            start: initial coefficients by component name; zeros if None.
            certify: whether to compute the duality gap of what is returned, under the model as it was declared (in float64).

        Raises:
            DataError, ShapeError: if y does not fit.
        """
        first: Coefficients | None = None if start is None else tuple(start[name] for name in self.names)
        unrolling = Unrolling([self.layer(step) for step in range(self.steps)], y, first, self.safeguard)
        iterate = self.differentiation.run(unrolling)
        parts = unrolling.problem.parts(iterate.coefficients)
        certificate = None
        if certify:
            with torch.no_grad():
                declared = self.declared.for_data(y)
                candidate = in_double(declared, y, iterate)
                certificate = duality_gap(declared, y, candidate)
        return Estimate(
            dict(zip(self.names, iterate.coefficients, strict=True)), dict(zip(self.names, parts, strict=True)), certificate
        )

    def learned_problem(self, step: int = -1) -> Problem:
        """The problem of one layer with its learned parameters, to be solved or printed; it shares them."""
        return self.layer(step).problem

    def with_steps(self, steps: int) -> "UnrolledNetwork":
        """The same network (sharing all parameters) with another number of steps.

        Raises:
            ParameterError: if its steps have parameters of their own, or ``steps`` is not positive.
        """
        if not self.shared or steps < 1:
            message = f"only a network with shared parameters can take another number of steps, at least one; asked for {steps}"
            raise ParameterError(message)
        clone = copy.copy(self)
        clone.steps = steps
        return clone

    def knowledge(self) -> Knowledge:
        """What every learned parameter was, is and means."""
        return read_knowledge(self.declared, self.algorithm, [self.layer(step) for step in range(len(self.layers))])
