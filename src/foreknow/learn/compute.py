"""Where a network is trained: processors, number of devices and machines, precision."""

from typing import TYPE_CHECKING, Literal

from foreknow.errors import ParameterError

if TYPE_CHECKING:
    from lightning_fabric import Fabric

Precision = Literal["32-true", "64-true", "bf16-mixed", "bf16-true"]
_PRECISIONS = ("32-true", "64-true", "bf16-mixed", "bf16-true")


class Compute:
    """Hardware, as Lightning Fabric names it; one object can serve any number of runs of a process.

    Args:
        accelerator: "auto" (a GPU where there is one), "cpu", "cuda" or "mps".
        devices: a machine.
        nodes: machines.
        precision: half precision with a loss scale ("16-mixed") is not offered: a gradient that is not finite shall stop a run.
        strategy: how several devices work together, such as "ddp"; "auto" is right for one.

    Raises:
        ParameterError: if there is no such precision, or no device.
    """

    def __init__(
        self,
        accelerator: str = "auto",
        devices: int = 1,
        nodes: int = 1,
        precision: Precision = "32-true",
        strategy: str = "auto",
    ) -> None:
        if precision not in _PRECISIONS:
            message = f"training runs in one of the precisions {_PRECISIONS}, not {precision!r}"
            raise ParameterError(message)
        if devices < 1 or nodes < 1:
            message = f"training needs at least one device and one machine, not {devices} and {nodes}"
            raise ParameterError(message)
        self.accelerator = accelerator
        self.devices = devices
        self.nodes = nodes
        self.precision = precision
        self.strategy = strategy
        self._fabric: Fabric | None = None

    def fabric(self) -> "Fabric":
        """The launched Fabric: processes are started once."""
        if self._fabric is None:
            from lightning_fabric import Fabric  # noqa: PLC0415  (two seconds, which only training shall take)

            self._fabric = Fabric(
                accelerator=self.accelerator,
                devices=self.devices,
                num_nodes=self.nodes,
                precision=self.precision,
                strategy=self.strategy,
            )
            self._fabric.launch()
        return self._fabric
