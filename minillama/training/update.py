"""One update of the weights from one batch: micro-batches, loss scale, clipping, watch, AdamW.

    for each micro-batch    forward, backward: its gradient is added          (autocast; fp16: loss scaled)
    then once               unscale, measure the norm, clip, look for jumps   (not finite: stop; fp16: skip)
    then once               AdamW

Left out: what a batch is (`reading.py`) and when there is one (`trainer.py`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from ..data.packing import IGNORE_INDEX
from ..model import Llama
from .config import TrainConfig
from .finite import first_bad_gradient, first_not_finite
from .optimizer import adamw
from .placement import Placement
from .precision import SMALLEST_SCALE, LossScale, autocast
from .reading import MicroBatch
from .recompute import recompute_blocks
from .watch import SpikeWatch


class NotFiniteError(ArithmeticError):
    """Loss or gradient are not finite; the text names the first module or parameter where."""


@dataclass(frozen=True)
class Update:
    """What an update found: see the fields of the same names in `Step`."""

    loss: float
    z_loss: float | None
    grad_norm: float
    tokens: int
    loss_scale: float | None
    spike: str | None
    skipped: str | None


class Updater:
    """Model, optimiser, loss scale and watch of a run, moved on batch by batch.

    Parameters
    ----------
    model : Llama
        Placed by `placement` here.
    config : TrainConfig
    placement : Placement
    """

    def __init__(self, model: Llama, config: TrainConfig, placement: Placement) -> None:
        self.model, self.config, self.placement = model, config, placement
        if config.recompute:
            recompute_blocks(model)
        prepared = placement.prepare(model)
        self.loss_sums = torch.compile(prepared) if config.compile else prepared
        betas = config.beta1, config.beta2
        self.optimizer = adamw(
            model, config.lr, betas, config.eps, config.weight_decay, config.decay_embeddings
        )
        self.scale = LossScale() if config.dtype == "float16" else None
        self.watch = SpikeWatch(config.spike_deviations)

    @property
    def device(self) -> torch.device:
        """Where batches have to be."""
        return self.model.tok_embeddings.weight.device

    def __call__(self, batch: list[MicroBatch], lr: float) -> Update:
        """Move the weights one step against the mean loss over all targets of `batch`.

        Raises
        ------
        NotFiniteError
            If the loss or the gradient is not finite (in float16: not even with the smallest scale). Weights
            and optimiser are as before.
        """
        scale = None if self.scale is None else self.scale.scale
        loss, z_loss, tokens = self._accumulate(batch, 1.0 if scale is None else scale)
        if not math.isfinite(loss):
            raise NotFiniteError(self._where(f"the loss ({loss})", batch))
        norm = float(self.placement.clip(self.model.parameters(), self.config.grad_clip))
        spike = skipped = None
        if math.isfinite(norm):
            spike = self.watch.look(loss, norm)
            skipped = "spike" if spike and self.config.on_spike == "skip" else None
        elif scale is not None and scale > SMALLEST_SCALE:
            skipped = "overflow"
        else:
            raise NotFiniteError(self._where("the gradient's norm", batch))
        if skipped is None:
            for group in self.optimizer.param_groups:
                group["lr"] = lr
            self.optimizer.step()
        if self.scale is not None:
            self.scale.update(overflowed=skipped == "overflow")
        return Update(loss, z_loss, norm, tokens, scale, spike, skipped)

    def _accumulate(self, batch: list[MicroBatch], scale: float) -> tuple[float, float | None, int]:
        """Leave the gradient of the batch's mean loss in the parameters; return loss, z-loss and targets.

        Each micro-batch adds the gradient of its own sum, divided by the number of targets in the whole
        batch: a mean of the micro-batches' means would weigh targets unequally.
        """
        counts = torch.stack([(micro.targets != IGNORE_INDEX).sum() for micro in batch])
        counted = self.placement.total(counts.sum())
        sums = torch.zeros(2, device=self.device)
        self.optimizer.zero_grad()
        for index, micro in enumerate(batch):
            with self.placement.micro_batch(last=index == len(batch) - 1):
                with autocast(self.device, self.config.dtype):
                    loss, nats = self.loss_sums(
                        micro.tokens, micro.targets, micro.documents, self.config.z_loss
                    )
                (loss * (scale * self.placement.averaged_over) / counted).backward()
            sums = sums + torch.stack([nats, loss.detach() - nats])
        if scale != 1.0:
            for parameter in self.model.parameters():
                if parameter.grad is not None:
                    parameter.grad.div_(scale)
        loss, z_loss = (self.placement.total(sums) / counted).tolist()
        return loss, z_loss if self.config.z_loss else None, int(counted)

    def _where(self, what: str, batch: list[MicroBatch]) -> str:
        """Say of `what` that it is not finite, and name the first module or parameter where."""
        for micro in batch:
            arguments = micro.tokens, micro.targets, micro.documents, self.config.z_loss
            sums: list[torch.Tensor] = []
            with autocast(self.device, self.config.dtype):
                module = first_not_finite(
                    self.model,
                    lambda a=arguments, s=sums: s.extend(self.model.loss_sums(*a)),  # type: ignore[misc]
                )
            if module is None and not bool(sums[0].isfinite()):
                module = "output"  # no module runs it: its logits are never whole
            if module is not None:
                return f"{what} is not finite, and first of all the output of {module}"
        parameter = first_bad_gradient(self.model.named_parameters())
        where = "" if parameter is None else f", and first of all the gradient of {parameter}"
        return f"{what} is not finite{where}"
