"""A declared problem: components (operator, prior) and a noise model, before any data and any algorithm."""

from collections.abc import Mapping, Sequence
from typing import cast

import torch
from torch import Tensor, nn
from torch.jit._trace import is_tracing

from foreknow.errors import DataError, ParameterError, ShapeError, UnsupportedError
from foreknow.noise import Noise
from foreknow.operators import Identity
from foreknow.operators.base import LinearOperator
from foreknow.operators.nonlinear import NonlinearOperator
from foreknow.priors.base import Prior
from foreknow.priors.none import NoPrior
from foreknow.shapes import Shape, expand_event, sum_event

Coefficients = tuple[Tensor, ...]
"""One tensor a component, (*batch, *domain of its operator)."""


class Component(nn.Module):
    """One part of the data: the signal A x of coefficients x that obey a prior.

    Args:
        prior: what is known of x; None if nothing is.
        operator: A, from coefficients to signal; None for the identity. It may be declared for any shape. A simulator
            (`foreknow.simulate.SimulatedOperator`) or another `NonlinearOperator` stands for F(x) instead.
    """

    def __init__(self, prior: Prior | None = None, operator: LinearOperator | NonlinearOperator | None = None) -> None:
        super().__init__()
        self.prior = prior
        self.operator = operator


class Problem(nn.Module):
    r"""Minimise D(sum_i A_i x_i; y) + sum_i R_i(x_i) over the coefficients x_i.

    Args:
        components: by name, in the order in which coefficients are listed.
        noise: the data term D.
        event_dims: number of trailing axes of one data item; if None, what the operators and priors imply.

    Raises:
        ParameterError: if there is no component, or a name cannot be an attribute.
        ShapeError: if the components disagree about the number of axes.
    """

    def __init__(self, components: Mapping[str, Component], noise: Noise, event_dims: int | None = None) -> None:
        super().__init__()
        if not components:
            message = "a model needs at least one component, such as Model(signal=Component(prior=L1(0.1)))"
            raise ParameterError(message)
        for name in components:
            if not name.isidentifier():
                message = f"the component name {name!r} must be a Python identifier"
                raise ParameterError(message)
        self.names: tuple[str, ...] = tuple(components)
        self.noise = noise
        self.event_dims = _event_dims(components) if event_dims is None else event_dims
        operators = []
        for name, component in components.items():
            operator = Identity(domain_dims=self.event_dims) if component.operator is None else component.operator
            if operator.range_dims != self.event_dims:
                message = (
                    f"the operator of component {name!r} gives signals of {operator.range_dims} axes, "
                    f"but the data have {self.event_dims}; pass event_dims or change the operator"
                )
                raise ShapeError(message)
            prior = component.prior
            if prior is not None and prior.event_dims > operator.domain_dims:
                message = (
                    f"the prior of component {name!r} works on {prior.event_dims} axes, "
                    f"but its coefficients have only {operator.domain_dims}"
                )
                raise ShapeError(message)
            operators.append(operator)
        self.operators = nn.ModuleList(operators)
        self.priors = nn.ModuleList([NoPrior() if c.prior is None else c.prior for c in components.values()])
        self.shape: Shape | None = None

    # ------------------------------------------------------------------ shapes
    def onto(self, shape: Sequence[int]) -> "Problem":
        """The same problem (sharing all parameters) for data items of shape ``shape``."""
        if self.shape == tuple(shape):
            return self
        bound = Problem.__new__(Problem)
        nn.Module.__init__(bound)
        bound.names, bound.noise, bound.event_dims, bound.priors = self.names, self.noise, self.event_dims, self.priors
        operators = []
        for name, operator in zip(self.names, self.declared_operators(), strict=True):
            try:
                operators.append(operator.onto(tuple(shape)))
            except ShapeError as error:
                message = f"the operator of component {name!r} cannot give data of shape {tuple(shape)}: {error}"
                raise ShapeError(message) from error
        bound.operators = nn.ModuleList(operators)
        bound.shape = tuple(shape)
        return bound

    def for_data(self, y: Tensor) -> "Problem":
        """The same problem bound to the item shape of y, after checking y.

        Raises:
            DataError: if y is empty, not floating point, or has a value that is not finite.
            ShapeError: if y has too few axes, or a component cannot give its shape.
        """
        if y.ndim < self.event_dims:
            message = f"the data need at least {self.event_dims} axes (*batch, *item), but have shape {tuple(y.shape)}"
            raise ShapeError(message)
        if not (y.is_floating_point() or y.is_complex()):
            message = f"the data must be floating point, not {y.dtype}; convert them with .float()"
            raise DataError(message)
        if y.numel() == 0:
            message = f"the data are empty (shape {tuple(y.shape)})"
            raise DataError(message)
        exported = torch.compiler.is_compiling() or is_tracing()  # a graph cannot look at values
        # A finite sum, which is fast, has finite terms.
        if not exported and not bool(torch.isfinite(y.sum())) and not bool(torch.isfinite(y).all()):
            count = int((~torch.isfinite(y)).sum())
            message = f"the data have {count} values that are NaN or infinite; remove or mask them first"
            raise DataError(message)
        return self.onto(y.shape[y.ndim - self.event_dims :])

    def batch_shape(self, y: Tensor) -> Shape:
        """The leading axes of the data."""
        return tuple(y.shape[: y.ndim - self.event_dims])

    def component_dims(self, index: int) -> int:
        """Number of event axes of the coefficients of component ``index``."""
        return self.declared_operators()[index].domain_dims

    def zeros(self, y: Tensor) -> Coefficients:
        """All-zero coefficients for the data y."""
        batch = self.batch_shape(y)
        zeros = []
        for operator in self.declared_operators():
            dtype = y.dtype.to_complex() if operator.complex_domain else y.dtype
            zeros.append(torch.zeros(batch + operator.domain, dtype=dtype, device=y.device))
        return tuple(zeros)

    def expand(self, value: Tensor, index: int) -> Tensor:
        """A number a batch item, shaped to broadcast against the coefficients of component ``index``."""
        return expand_event(value, self.component_dims(index)) if value.ndim else value

    def expand_data(self, value: Tensor) -> Tensor:
        """A number a batch item, shaped to broadcast against the data."""
        return expand_event(value, self.event_dims) if value.ndim else value

    # ------------------------------------------------------------------ the linear map A = [A_1 ... A_k]
    def synthesize(self, x: Coefficients) -> Tensor:
        """sum_i A_i x_i, (*batch, *shape)."""
        parts = self.parts(x)
        total = parts[0]
        for part in parts[1:]:
            total = total + part
        return total

    def parts(self, x: Coefficients) -> tuple[Tensor, ...]:
        """The signals A_i x_i."""
        return tuple(operator(coefficients) for operator, coefficients in zip(self.declared_operators(), x, strict=True))

    def adjoint(self, u: Tensor) -> Coefficients:
        """(A_1^* u, ..., A_k^* u)."""
        return tuple(operator.adjoint(u) for operator in self.linear_operators())

    def squared_norm_bound(self) -> Tensor:
        """A bound of the squared spectral norm of A: the sum of those of the A_i."""
        bounds = [operator.norm().square() for operator in self.linear_operators()]
        return torch.stack([bound.to(bounds[0]) for bound in bounds]).sum()

    def cogram_scale(self) -> float | None:
        """The c with A A^* = c I, where every component is a tight frame; else None."""
        scales = [operator.cogram_scale for operator in self.linear_operators()]
        return None if any(scale is None for scale in scales) else float(sum(scale for scale in scales if scale is not None))

    # ------------------------------------------------------------------ the objective
    def prior_value(self, x: Coefficients) -> Tensor:
        """sum_i R_i(x_i), (*batch,)."""
        total: Tensor | None = None
        for index, (prior, coefficients) in enumerate(zip(self.declared_priors(), x, strict=True)):
            value = sum_event(prior.value(coefficients), self.component_dims(index) - prior.event_dims)
            total = value if total is None else total + value
        if total is None:
            message = "a problem has at least one component"
            raise ParameterError(message)
        return total

    def objective(self, x: Coefficients, y: Tensor) -> Tensor:
        """D(sum_i A_i x_i; y) + sum_i R_i(x_i), (*batch,)."""
        return self.noise.value(self.synthesize(x), y, self.event_dims) + self.prior_value(x)

    def prox(self, x: Coefficients, step: Tensor) -> Coefficients:
        """The proximal map of every prior, with one step a batch item."""
        priors = self.proximal_priors()
        return tuple(
            coefficients if prior is None else prior.prox(coefficients, self.expand(step, index))
            for index, (prior, coefficients) in enumerate(zip(priors, x, strict=True))
        )

    def proximal_priors(self) -> tuple[Prior | None, ...]:
        """The part g_i of each prior whose proximal map is closed form (`Prior.split`)."""
        return tuple(proximal for proximal, _ in self.splits())

    def composed_priors(self) -> tuple[tuple[int, Prior, LinearOperator], ...]:
        """The parts h_j(K_j x_i) of all priors, as (i, h_j, K_j bound to the coefficients)."""
        return tuple(
            (index, inner_prior, operator.on(self.declared_operators()[index].domain))
            for index, (_, composed) in enumerate(self.splits())
            for inner_prior, operator in composed
        )

    def splits(self) -> tuple[tuple[Prior | None, tuple[tuple[Prior, LinearOperator], ...]], ...]:
        """`Prior.split` of every prior.

        Raises:
            UnsupportedError: naming the component whose prior can neither be split nor has a proximal map.
        """
        found = []
        for name, prior in zip(self.names, self.declared_priors(), strict=True):
            try:
                found.append(prior.split())
            except UnsupportedError as error:
                message = f"the prior of component {name!r} cannot be used by a solver: {error}"
                raise UnsupportedError(message) from error
        return tuple(found)

    def require_proximal(self, algorithm: str) -> None:
        """Check that every prior has a proximal map of its own.

        Raises:
            UnsupportedError: naming the component whose prior must be split.
        """
        for name, (_, composed) in zip(self.names, self.splits(), strict=True):
            if composed:
                message = (
                    f"{algorithm} needs the proximal map of the prior of component {name!r}, which has none; use PDHG() or ADMM()"
                )
                raise UnsupportedError(message)

    @property
    def convex(self) -> bool:
        """Whether every prior is convex and every operator linear, so that optimality can be certified."""
        return self.linear and all(prior.convex for prior in self.declared_priors())

    @property
    def has_value(self) -> bool:
        """Whether every prior can be evaluated (a plug-in denoiser cannot), so that there is an objective."""
        return all(prior.has_value for prior in self.declared_priors())

    @property
    def formula(self) -> str:
        """The minimisation that the problem states."""
        variables = [f"x_{name}" for name in self.names]
        signal = " + ".join(
            variable if isinstance(operator, Identity) else _applied(operator, variable)
            for variable, operator in zip(variables, self.declared_operators(), strict=True)
        )
        bracketed = f"({signal})" if len(variables) > 1 else signal
        terms = [self.noise.formula.format(y="y", z=bracketed)]
        for variable, prior in zip(variables, self.declared_priors(), strict=True):
            if not isinstance(prior, NoPrior):
                terms.append(prior.formula.format(x=variable))
        return f"minimise over {', '.join(variables)}:  " + "  +  ".join(terms)

    def linear_operators(self) -> tuple[LinearOperator, ...]:
        """A_1 ... A_k.

        Raises:
            UnsupportedError: naming the component whose operator is not linear.
        """
        for name, operator in zip(self.names, self.operators, strict=True):
            if isinstance(operator, NonlinearOperator):
                message = (
                    f"the operator of component {name!r}, {type(operator).__name__}, is not linear; "
                    "such a model is solved by ProximalGaussNewton()"
                )
                raise UnsupportedError(message)
        return tuple(cast("LinearOperator", operator) for operator in self.operators)

    @property
    def linear(self) -> bool:
        """Whether every operator is linear."""
        return not any(isinstance(operator, NonlinearOperator) for operator in self.operators)

    def declared_operators(self) -> tuple[LinearOperator | NonlinearOperator, ...]:
        """A_1 ... A_k, or F_k where one is not linear."""
        return tuple(cast("LinearOperator | NonlinearOperator", operator) for operator in self.operators)

    def with_operators(self, operators: Sequence[LinearOperator | NonlinearOperator]) -> "Problem":
        """The same noise and priors with other operators, bound to the same shapes."""
        clone = Problem.__new__(Problem)
        nn.Module.__init__(clone)
        clone.names, clone.noise, clone.event_dims, clone.priors = self.names, self.noise, self.event_dims, self.priors
        clone.operators = nn.ModuleList(operators)
        clone.shape = self.shape
        return clone

    def declared_priors(self) -> tuple[Prior, ...]:
        """R_1 ... R_k."""
        return tuple(cast("Prior", prior) for prior in self.priors)


def _event_dims(components: Mapping[str, Component]) -> int:
    ranges = {name: c.operator.range_dims for name, c in components.items() if c.operator is not None}
    if ranges:
        if len(set(ranges.values())) > 1:
            message = f"the operators of the components give signals of different numbers of axes: {ranges}"
            raise ShapeError(message)
        return next(iter(ranges.values()))
    return max((c.prior.event_dims for c in components.values() if c.prior is not None), default=1)


def _applied(operator: LinearOperator | NonlinearOperator, variable: str) -> str:
    if isinstance(operator, NonlinearOperator):
        return f"{type(operator).__name__}({variable})"
    return f"{_operator_name(operator)} {variable}"


def _operator_name(operator: LinearOperator) -> str:
    inner = getattr(operator, "operator", None)
    if type(operator).__name__ == "Adjoint" and isinstance(inner, LinearOperator):
        return f"{type(inner).__name__}^*"
    return type(operator).__name__
