"""Soft thresholding of real numbers, with a derivative that remembers one byte a number."""

from typing import Any

import torch
from torch import Tensor


def soft_threshold(x: Tensor, threshold: Tensor) -> Tensor:
    """sign(x) max(|x| - threshold, 0), element by element (Donoho and Johnstone 1994).

    Automatic differentiation of the formula would keep three numbers an element for every step of an unrolled network; all that
    the derivative depends on is the sign of the result.

    Args:
        x: real.
        threshold: non-negative, broadcasting against x.
    """
    if torch.is_grad_enabled() and (x.requires_grad or threshold.requires_grad):
        return _SoftThreshold.apply(x, threshold)[0]  # type: ignore[no-untyped-call]
    return _shrink(x, threshold)


class _SoftThreshold(torch.autograd.Function):
    """The function above; its second output, the sign, is not differentiable and only kept."""

    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor, threshold: Tensor) -> tuple[Tensor, Tensor]:
        result = _shrink(x, threshold)
        return result, result.sign().to(torch.int8)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor], output: tuple[Tensor, Tensor]) -> None:  # noqa: ANN401
        _, threshold = inputs
        _, sign = output
        ctx.mark_non_differentiable(sign)
        ctx.save_for_backward(sign)
        ctx.save_for_forward(sign)
        ctx.threshold_shape = threshold.shape

    @staticmethod
    def backward(ctx: Any, gradient: Tensor, _: Tensor | None) -> tuple[Tensor | None, Tensor | None]:  # noqa: ANN401
        (sign,) = ctx.saved_tensors
        of_x = gradient * (sign != 0) if ctx.needs_input_grad[0] else None
        of_threshold = -(gradient * sign).sum_to_size(ctx.threshold_shape) if ctx.needs_input_grad[1] else None
        return of_x, of_threshold

    @staticmethod
    def jvp(ctx: Any, of_x: Tensor | None, of_threshold: Tensor | None) -> tuple[Tensor, None]:  # noqa: ANN401
        (sign,) = ctx.saved_tensors
        tangent = torch.zeros(sign.shape, dtype=(of_x if of_x is not None else of_threshold).dtype, device=sign.device)  # type: ignore[union-attr]
        if of_x is not None:
            tangent = tangent + of_x * (sign != 0)
        if of_threshold is not None:
            tangent = tangent - of_threshold * sign
        return tangent, None


def _shrink(x: Tensor, threshold: Tensor) -> Tensor:
    return x - torch.minimum(torch.maximum(x, -threshold), threshold)
