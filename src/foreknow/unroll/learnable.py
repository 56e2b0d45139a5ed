"""What is learned of an unrolled algorithm: objects that turn fixed numbers of a layer into parameters."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence

from torch import nn

from foreknow.errors import ParameterError
from foreknow.noise import Noise
from foreknow.operators import Dictionary, FilterBank
from foreknow.operators.base import LinearOperator
from foreknow.parameters import Fixed, Parameter, Positive
from foreknow.priors import PlugIn, Prior
from foreknow.problem import Problem
from foreknow.unroll.layer import Layer
from foreknow.unroll.unit_norm import keep_norms


class Learnable(ABC):
    """One kind of knowledge that training may change.

    Args:
        components: names of the components that are meant; all if None.
    """

    def __init__(self, components: Sequence[str] | None = None) -> None:
        self.components = None if components is None else tuple(components)

    @abstractmethod
    def release(self, layer: Layer) -> None:
        """Make parameters of what this object stands for.

        Raises:
            ParameterError: if there is nothing to learn, or a component is unknown.
        """

    def _chosen(self, problem: Problem) -> Iterator[tuple[LinearOperator, Prior]]:
        unknown = set(self.components or ()) - set(problem.names)
        if unknown:
            message = f"{type(self).__name__} names the components {sorted(unknown)}; the model has {list(problem.names)}"
            raise ParameterError(message)
        for name, operator, prior in zip(problem.names, problem.linear_operators(), problem.declared_priors(), strict=True):
            if self.components is None or name in self.components:
                yield operator, prior

    def _require(self, count: int, what: str) -> None:
        if not count:
            where = "the model" if self.components is None else f"the components {list(self.components)}"
            message = f"{where} has no {what} that {type(self).__name__}() could learn"
            raise ParameterError(message)


class Weights(Learnable):
    """The weights of the priors (the thresholds of their proximal maps), radii of balls and suchlike: positive by construction.

    Weights of 0 stay 0: they say that nothing is known.
    """

    def release(self, layer: Layer) -> None:  # noqa: D102
        known: dict[Parameter, Parameter] = {}
        count = sum(_release_numbers(prior, known) for _, prior in self._chosen(layer.problem))
        self._require(count, "positive weight of a prior")


class NoiseLevel(Learnable):
    """The standard deviation of the noise, positive by construction."""

    def release(self, layer: Layer) -> None:  # noqa: D102
        self._require(_release_numbers(layer.problem.noise, {}), "noise level")


class StepSizes(Learnable):
    """The steps (or penalty and relaxation) of the algorithm, inside their bound of convergence by construction."""

    def release(self, layer: Layer) -> None:  # noqa: D102
        layer.learn_steps()


class Operators(Learnable):
    """What the operators are made of: wavelet angles, kernels, dictionaries (whose atoms keep their norms), matrices."""

    def release(self, layer: Layer) -> None:  # noqa: D102
        count = sum(_release(module) for operator, _ in self._chosen(layer.problem) for module in operator.modules())
        self._require(count, "operator with a tensor")


class Networks(Learnable):
    """The parameters of plugged-in denoisers."""

    def release(self, layer: Layer) -> None:  # noqa: D102
        count = 0
        for _, prior in self._chosen(layer.problem):
            for module in prior.modules():
                if isinstance(module, PlugIn):
                    for parameter in module.parameters():
                        parameter.requires_grad_(True)
                        count += 1
        self._require(count, "plug-in network")


def _release_numbers(module: nn.Module, known: dict[Parameter, Parameter]) -> int:
    """Replace every positive `Fixed` below a prior or noise model by a `Positive`; one that is shared stays shared."""
    count = 0
    for owner in list(module.modules()):
        if not isinstance(owner, (Prior, Noise, Parameter)):
            continue
        for name, child in list(owner.named_children()):
            if not isinstance(child, Parameter) or (name == "weight_parameter" and isinstance(owner, Prior) and not owner.weighted):
                continue
            if isinstance(child, Fixed) and bool((child() > 0).all()):
                setattr(owner, name, known.setdefault(child, Positive(child())))
                count += 1
            elif any(True for _ in child.parameters()):
                child.requires_grad_(True)
                count += 1
    return count


def _release(module: nn.Module) -> int:
    """Make the tensors of one operator or filter bank learnable; the atoms of a dictionary keep their norms."""
    if isinstance(module, FilterBank):
        module.free_angles.requires_grad_(True)
        return 1
    if not isinstance(module, LinearOperator):
        return 0
    count = module.release()
    if isinstance(module, Dictionary):
        keep_norms(module, "atoms")
    return count
