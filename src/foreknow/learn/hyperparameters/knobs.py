"""The numbers that are learned: one vector of logarithms, whatever priors and noise they belong to."""

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from foreknow.errors import ParameterError
from foreknow.model import Model
from foreknow.parameters import Parameter, Positive
from foreknow.problem import Problem
from foreknow.solve import Algorithm, ForwardBackward
from foreknow.unroll import Learnable
from foreknow.unroll.layer import Layer


@dataclass(frozen=True)
class Knob:
    """One positive number (or tensor) that is learned.

    Attributes:
        owner: the component, or "noise".
        name: of the quantity within its owner, such as "weight".
        parameter: holds the logarithm.
    """

    owner: str
    name: str
    parameter: Positive

    @property
    def key(self) -> str:
        """Owner and name, such as "signal.weight"."""
        return f"{self.owner}.{self.name}"


class Knobs:
    """A copy of a model in which the numbers that ``learn`` names are positive parameters, read and written as one vector.

    Args:
        model: is left alone.
        learn: such as ``[Weights(), NoiseLevel()]``; numbers only, no operators, steps or networks.
        algorithm: of the layer that holds the copy.

    Raises:
        ParameterError: if there is nothing to learn, or something that is not a positive number.
        UnsupportedError: if the algorithm cannot be differentiated.
    """

    def __init__(self, model: Model, learn: Sequence[Learnable], algorithm: Algorithm[Any] | None = None) -> None:
        self._model = model
        self.layer = Layer(model.problem, ForwardBackward() if algorithm is None else algorithm)
        for what in learn:
            what.release(self.layer)
        self.rows = tuple(_knobs(self.layer.problem))
        known = {id(row.parameter.log_value) for row in self.rows}
        strangers = [name for name, p in self.layer.named_parameters() if p.requires_grad and id(p) not in known]
        if strangers or not self.rows:
            found = f"not {', '.join(strangers)}" if strangers else "and there is none"
            message = f"positive weights and noise levels are learned here, {found}; pass Weights() or NoiseLevel()"
            raise ParameterError(message)
        self.start = self.logarithms()

    @property
    def problem(self) -> Problem:
        """The declared problem that holds the parameters."""
        return self.layer.problem

    def logarithms(self) -> Tensor:
        """The present values, (p,), float64."""
        return torch.cat([row.parameter.log_value.detach().double().flatten() for row in self.rows])

    def assign(self, logarithms: Tensor) -> None:
        """Set the values.

        Args:
            logarithms: (p,).
        """
        with torch.no_grad():
            for row, part in zip(self.rows, self.split(logarithms), strict=True):
                row.parameter.log_value.copy_(part)

    def split(self, vector: Tensor) -> list[Tensor]:
        """The parts of a vector, (p,), that belong to the knobs, in their shapes."""
        sizes = [row.parameter.log_value.numel() for row in self.rows]
        return [part.reshape(row.parameter.log_value.shape) for row, part in zip(self.rows, vector.split(sizes), strict=True)]

    def gradient(self, value: Tensor, *, create_graph: bool = False) -> Tensor:
        """The gradient with respect to the logarithms, (p,), float64; 0 where the value does not depend on them.

        Args:
            value: a number.
            create_graph: whether the result can be differentiated again.
        """
        leaves = [row.parameter.log_value for row in self.rows]
        if not value.requires_grad:
            return torch.zeros_like(self.start)
        found = torch.autograd.grad(value, leaves, create_graph=create_graph, retain_graph=True, allow_unused=True)
        return torch.cat(
            [
                (torch.zeros_like(leaf) if part is None else part).double().flatten()
                for leaf, part in zip(leaves, found, strict=True)
            ]
        )

    def gradients(self, values: Tensor) -> Tensor:
        """The gradient of every one of several values, (values, p), float64.

        The gradient of a weighted sum of them is linear in the weights of the sum, and is differentiated with respect to these.

        Args:
            values: of any shape; the rows are in the order of its elements.
        """
        ones = torch.ones_like(values, requires_grad=True)
        total = self.gradient((ones * values).sum(), create_graph=True)
        if not total.requires_grad:
            return torch.zeros(values.numel(), len(total)).to(total)
        columns = [torch.autograd.grad(part, ones, retain_graph=True)[0].double().flatten() for part in total]
        return torch.stack(columns, dim=1)

    def gradient_and_curvature(self, value: Tensor) -> tuple[Tensor, Tensor]:
        """The gradient, and the sums of the rows of the Hessian: its diagonal, where the value is a sum over knobs; (p,) each."""
        gradient = self.gradient(value, create_graph=True)
        curvature = self.gradient(gradient.sum()) if gradient.requires_grad else torch.zeros_like(gradient)
        return gradient.detach(), curvature

    def model(self) -> Model:
        """The model with the present numbers put in; it shares nothing with the one that was given."""
        learned = copy.deepcopy(self._model)
        learned.problem = copy.deepcopy(self.problem).requires_grad_(requires_grad=False)
        return learned


def _knobs(problem: Problem) -> Iterator[Knob]:
    owners = [*zip(problem.names, problem.declared_priors(), strict=True), ("noise", problem.noise)]
    seen: set[int] = set()
    for owner, module in owners:
        for path, part in module.named_modules():
            if isinstance(part, Positive) and part.log_value.requires_grad and id(part) not in seen:
                seen.add(id(part))
                yield Knob(owner, path.replace("_parameter", ""), part)


def is_learned(parameter: Parameter) -> bool:
    """Whether a parameter holds something that is learned."""
    return any(tensor.requires_grad for tensor in parameter.parameters())
