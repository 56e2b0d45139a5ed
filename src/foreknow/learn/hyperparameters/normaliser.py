"""The normalising constant of the priors: what keeps a learned weight from 0."""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from foreknow.errors import ParameterError, UnsupportedError
from foreknow.learn.hyperparameters.knobs import is_learned
from foreknow.parameters import Parameter
from foreknow.priors import Composed, Indicator, OnOrthant, Prior, Separable, Sum, Translated
from foreknow.problem import Coefficients, Problem
from foreknow.shapes import Shape

LogNormaliser = Callable[[], Tensor]
"""Gives -log Z at the present weights, up to a constant: a number that can be differentiated. Where Z has no closed form, it gives
energies sum_i w_i R_i(x_i) of draws x of the prior instead, (items,), the mean of whose gradients is that of -log Z."""


class Normaliser(ABC):
    """How the normaliser Z(w), the integral of exp(-sum_i w_i R_i(x_i)) over x, is had."""

    @abstractmethod
    def begin(self, problem: Problem, x: Coefficients, generator: torch.Generator | None) -> LogNormaliser:
        r"""A running normaliser for data of one shape.

        Args:
            problem: bound; the weights that are learned are `Positive` parameters.
            x: coefficients of the shapes, dtype and device that are meant, (\*batch, \*domain of A_i); their values do not matter.
            generator: of random numbers, on the device of x.

        Raises:
            UnsupportedError: if Z cannot be had in this way; the message says what can be used instead.
        """


class Homogeneous(Normaliser):
    r"""In closed form for homogeneous priors: R(c x) = c^k R(x) on d dimensions gives Z(w) = C w^(-d/k).

    So -log Z is (d/k) log w for every prior with a weight that is learned (Pereyra, Bioucas-Dias and Figueiredo 2015). Cones and
    translations do not change that. A sum of priors on one component does, unless all but one are cones.

    d is the number of real coefficients, the batch included, less the directions that cost nothing: what `Prior.flat_part` says,
    or one for the constants where R(1) = 0. A prior blind to more than that (linear ramps) is counted a few dimensions too high;
    pass ``dimensions`` where that matters.

    Args:
        dimensions: d of one data item, by component name, where it is not to be counted.
    """

    def __init__(self, dimensions: Mapping[str, float] | None = None) -> None:
        self.dimensions = dict(dimensions or {})

    def begin(self, problem: Problem, x: Coefficients, generator: torch.Generator | None) -> LogNormaliser:  # noqa: ARG002
        """Counts the dimensions once."""
        unknown = set(self.dimensions) - set(problem.names)
        if unknown:
            message = f"dimensions names the components {sorted(unknown)}; the model has {list(problem.names)}"
            raise ParameterError(message)
        terms: list[_Term] = []
        for name, prior, coefficients in zip(problem.names, problem.declared_priors(), x, strict=True):
            try:
                found = _terms(prior, tuple(coefficients.shape), 2 if coefficients.is_complex() else 1)
            except UnsupportedError as error:
                message = f"the weights of component {name!r} have no closed-form normaliser: {error}"
                raise UnsupportedError(message) from error
            if name in self.dimensions and found:
                batch = coefficients.shape[: coefficients.ndim - problem.component_dims(problem.names.index(name))].numel()
                found = [_Term(term.weight, batch * self.dimensions[name] / term.degree, term.degree) for term in found]
            terms += found

        def log_normaliser() -> Tensor:
            logs = [term.power * term.weight().double().log().mean() for term in terms]
            return torch.stack(logs).sum() if logs else torch.zeros((), dtype=torch.float64)

        return log_normaliser


@dataclass(frozen=True)
class _Term:
    """One factor w^-power of Z: the mean over the elements of w, where it has several."""

    weight: Parameter
    power: float
    degree: float


def _terms(prior: Prior, shape: Shape, parts: int) -> list[_Term]:
    """The factors of Z that depend on what is learned of a prior of tensors of ``shape``, with 1 or 2 real parts an element."""
    if not any(parameter.requires_grad for parameter in prior.parameters()):
        return []
    if isinstance(prior, (Separable, Translated, OnOrthant)):
        return _terms(prior.prior, shape, parts)
    if isinstance(prior, Sum):
        others = [part for part in prior.summands if not (isinstance(part, Indicator) and part.homogeneity == 0)]
        if len(others) == 1:
            return _terms(others[0], shape, parts)
    if isinstance(prior, Composed) and prior.operator.cogram_scale is not None:
        event = prior.operator.on(shape[len(shape) - prior.event_dims :]).range
        return _terms(prior.prior, (*shape[: len(shape) - prior.event_dims], *event), 2 if prior.operator.complex_range else parts)
    return [_leaf(prior, shape, parts)]


def _leaf(prior: Prior, shape: Shape, parts: int) -> _Term:
    """The factor of a prior with one weight; of another one behind an operator, if that weight is one number."""
    owner = prior.prior if isinstance(prior, Composed) else prior
    while isinstance(owner, Separable):
        owner = owner.prior
    learned = [child for child in prior.modules() if isinstance(child, Parameter) and is_learned(child)]
    mine = set(owner.weight_parameter.modules())
    if not owner.weighted or not owner.homogeneity or not all(child in mine for child in learned):
        message = f"{type(prior).__name__} is not one weight times a homogeneous function; pass normaliser=PriorChain()"
        raise UnsupportedError(message)
    weight = owner.weight
    inside = weight.shape[-owner.event_dims :] if weight.ndim else ()
    if any(size != 1 for size in inside) and not (owner.elementwise and owner is prior):
        message = f"{type(prior).__name__} weights the elements of one event differently; give it one weight"
        raise UnsupportedError(message)
    event = shape[len(shape) - prior.event_dims :]
    events = math.prod(shape[: len(shape) - prior.event_dims])
    dimensions = events * (math.prod(event) - _flat_dimensions(prior, event))
    return _Term(owner.weight_parameter, parts * dimensions / owner.homogeneity, owner.homogeneity)


def _flat_dimensions(prior: Prior, event: Shape) -> int:
    """The dimension of what a prior is blind to, of one event."""
    generator = torch.Generator().manual_seed(0)
    device = next((p.device for p in prior.parameters()), torch.device("cpu"))
    with torch.no_grad():
        probe = torch.randn((1, *event), generator=generator, dtype=torch.float64).to(device)
        if not bool(prior.flat_part(probe).any()):
            return int(float(prior.value(torch.ones_like(probe))) <= _NOTHING * float(prior.value(probe)))
        count = 4
        while True:
            probes = torch.randn((count, *event), generator=generator, dtype=torch.float64).to(device)
            rank = int(torch.linalg.matrix_rank(prior.flat_part(probes).reshape(count, -1)))
            if rank < count:
                return rank
            count *= 4


_NOTHING = 1e-9  # of the value of a random event: what the value of a constant one may be by rounding
