"""One operator on every item of leading event axes."""

from torch import Tensor

from foreknow.errors import ShapeError
from foreknow.operators.base import LinearOperator
from foreknow.shapes import Shape


class Batched(LinearOperator):
    r"""The same operator on each channel or frame of an event: (\*batch, \*items, \*domain) -> (\*batch, \*items, \*range).

    Leading axes are batch axes for any operator; this one makes them part of the event, so that operators that mix them and
    operators that do not can be composed: ``Casorati((T, H, W)) @ Batched(Wavelet("db4", 3, (H, W)), T)``.

    Args:
        operator: what acts on each item.
        items: the sizes of the leading axes, or None for any.
        item_dims: number of leading axes; 1 if neither it nor ``items`` is given.

    Raises:
        ShapeError: if ``items`` is given for an operator that is not bound, or does not have ``item_dims`` axes.
    """

    def __init__(self, operator: LinearOperator, items: int | Shape | None = None, item_dims: int | None = None) -> None:
        sizes = (items,) if isinstance(items, int) else items
        count = (1 if sizes is None else len(sizes)) if item_dims is None else item_dims
        if sizes is not None and (not operator.bound or len(sizes) != count):
            message = (
                f"items of shape {sizes} need a bound operator and item_dims={len(sizes)}; or bind with .on((*items, *domain))"
            )
            raise ShapeError(message)
        super().__init__(None if sizes is None else sizes + operator.domain, count + operator.domain_dims)
        self.operator = operator
        self.item_dims = count
        self.range_dims = count + operator.range_dims
        self.gram_scale, self.cogram_scale = operator.gram_scale, operator.cogram_scale
        self.complex_domain, self.complex_range = operator.complex_domain, operator.complex_range

    def _forward(self, x: Tensor) -> Tensor:
        return self.operator.forward(x)

    def _adjoint(self, y: Tensor) -> Tensor:
        return self.operator.adjoint(y)

    def _norm(self) -> Tensor:
        return self.operator.norm()

    def _range_shape(self, domain: Shape) -> Shape:
        return domain[: self.item_dims] + self.operator.on(domain[self.item_dims :]).range

    def _rebound(self, domain: Shape) -> "Batched":
        return Batched(self.operator.on(domain[self.item_dims :]), domain[: self.item_dims])

    def _rebound_onto(self, range_shape: Shape) -> "Batched":
        return Batched(self.operator.onto(range_shape[self.item_dims :]), range_shape[: self.item_dims])

    def extra_repr(self) -> str:
        """What ``repr`` shows."""
        return f"{super().extra_repr()}, item_dims={self.item_dims}"
