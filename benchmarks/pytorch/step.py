"""Steps: one bilevel step of the search, one training step of a derived network, one evaluation.

`lean` in this program means: leave out what no result depends on. The original does that work.
"""

import copy
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch.nn.utils import clip_grad_norm_, get_total_norm


@dataclass(frozen=True)
class SearchSettings:
    """Hyper-parameters of a search step; the paper's by default."""

    learning_rate: float = 0.025
    momentum: float = 0.9
    weight_decay: float = 3e-4
    grad_clip: float = 5.0
    arch_learning_rate: float = 3e-4
    arch_betas: tuple = (0.5, 0.999)
    arch_weight_decay: float = 1e-3


class SearchStep:
    """The bilevel step: alphas on a validation batch, then weights on a training batch.

    `order` is "first" or "second" (unrolled). A batch is `(images, targets)`.
    """

    def __init__(self, supernet, alphas, order, settings=SearchSettings(), lean=False):
        self.supernet = supernet
        self.alphas = alphas
        self.settings = settings
        self.lean = lean
        self.weights = list(supernet.parameters())
        self.virtual = copy.deepcopy(supernet) if order == "second" else None
        self.optimizer = torch.optim.SGD(
            self.weights,
            lr=settings.learning_rate,
            momentum=settings.momentum,
            weight_decay=settings.weight_decay,
            foreach=True,
        )
        self.arch_optimizer = torch.optim.Adam(
            alphas,
            lr=settings.arch_learning_rate,
            betas=tuple(settings.arch_betas),
            weight_decay=settings.arch_weight_decay,
            foreach=True,
        )

    def run(self, train, valid):
        """One whole step. Returns the training loss."""
        self.architecture_gradients(train, valid)
        self.arch_optimizer.step()
        _, loss = self.weight_gradients(train)
        self.weight_update()
        return loss.item()

    def architecture_gradients(self, train, valid):
        """Puts the gradient that Adam is to see into `alphas[i].grad`."""
        self.optimizer.zero_grad(set_to_none=True)
        self.arch_optimizer.zero_grad(set_to_none=True)
        if self.virtual is not None:
            self._unrolled_gradients(train, valid)
        elif self.lean:
            # The weights' gradients on the validation batch are never read.
            self._set_gradients(torch.autograd.grad(self._loss(self.supernet, valid), self.alphas))
        else:
            self._loss(self.supernet, valid).backward()

    def weight_gradients(self, train):
        """Puts the (unclipped) gradients of the training loss into the weights. Returns logits and loss."""
        self.optimizer.zero_grad(set_to_none=True)
        images, targets = train
        logits = self.supernet(images, *self._alphas_for_weights())
        loss = F.cross_entropy(logits, targets)
        loss.backward()
        return logits.detach(), loss.detach()

    def weight_update(self):
        """Clips and takes the SGD step. Returns the norm before clipping."""
        norm = clip_grad_norm_(self.weights, self.settings.grad_clip)
        self.optimizer.step()
        return norm

    def _unrolled_gradients(self, train, valid):
        """∇_α L_val(w', α) − ξ (∇_α L_tr(w⁺, α) − ∇_α L_tr(w⁻, α)) / 2ε."""
        rate = self.settings.learning_rate
        self._take_virtual_step(train)

        # One backward pass gives d = ∇_α L_val(w', α) and v = ∇_w' L_val(w', α).
        virtual_weights = list(self.virtual.parameters())
        gradients = torch.autograd.grad(self._loss(self.virtual, valid), [*self.alphas, *virtual_weights])
        direct, vector = gradients[: len(self.alphas)], gradients[len(self.alphas) :]

        epsilon = (0.01 / get_total_norm(vector)).item()
        with torch.no_grad():
            torch._foreach_add_(self.weights, vector, alpha=epsilon)
        above = torch.autograd.grad(self._loss(self.supernet, train), self.alphas)
        with torch.no_grad():
            torch._foreach_sub_(self.weights, vector, alpha=2 * epsilon)
        below = torch.autograd.grad(self._loss(self.supernet, train), self.alphas)
        with torch.no_grad():
            torch._foreach_add_(self.weights, vector, alpha=epsilon)

        self._set_gradients([d - rate * (a - b) / (2 * epsilon) for d, a, b in zip(direct, above, below)])

    @torch.no_grad()
    def _take_virtual_step(self, train):
        """w' = w − ξ (μ m + ∇_w L_tr(w, α) + λ w), in the virtual network, which also gets the BN buffers.

        The original builds a new network for this in every step; here one copy is kept and overwritten.
        """
        settings = self.settings
        with torch.enable_grad():
            loss = self._loss(self.supernet, train, self._alphas_for_weights())
            update = list(torch.autograd.grad(loss, self.weights))
        torch._foreach_add_(update, self.weights, alpha=settings.weight_decay)
        if self.optimizer.state:
            momenta = [self.optimizer.state[weight]["momentum_buffer"] for weight in self.weights]
            torch._foreach_add_(update, momenta, alpha=settings.momentum)
        virtual_weights = list(self.virtual.parameters())
        torch._foreach_copy_(virtual_weights, self.weights)
        torch._foreach_sub_(virtual_weights, update, alpha=settings.learning_rate)
        torch._foreach_copy_(list(self.virtual.buffers()), list(self.supernet.buffers()))

    def _alphas_for_weights(self):
        """The alphas of a pass that is for the weights only: lean, without gradients of their own."""
        return [alpha.detach() for alpha in self.alphas] if self.lean else self.alphas

    def _loss(self, network, batch, alphas=None):
        images, targets = batch
        return F.cross_entropy(network(images, *(alphas or self.alphas)), targets)

    def _set_gradients(self, gradients):
        for alpha, gradient in zip(self.alphas, gradients):
            alpha.grad = gradient


class TrainStep:
    """A training step of a derived network: loss with auxiliary head, gradient clip, SGD."""

    def __init__(self, network, auxiliary_weight=0.4, learning_rate=0.025, grad_clip=5.0):
        self.network = network
        self.auxiliary_weight = auxiliary_weight
        self.grad_clip = grad_clip
        self.weights = list(network.parameters())
        self.optimizer = torch.optim.SGD(
            self.weights, lr=learning_rate, momentum=0.9, weight_decay=3e-4, foreach=True
        )

    def run(self, batch):
        """One whole step. Returns the training loss."""
        _, _, loss = self.gradients(batch)
        clip_grad_norm_(self.weights, self.grad_clip)
        self.optimizer.step()
        return loss.item()

    def gradients(self, batch):
        """Puts the (unclipped) gradients into the weights. Returns both heads' logits and the loss."""
        images, targets = batch
        self.optimizer.zero_grad(set_to_none=True)
        logits, logits_auxiliary = self.network(images)
        loss = F.cross_entropy(logits, targets)
        if logits_auxiliary is not None:
            loss = loss + self.auxiliary_weight * F.cross_entropy(logits_auxiliary, targets)
        loss.backward()
        return logits, logits_auxiliary, loss


@torch.inference_mode()
def evaluate(network, images):
    """Logits of a network in evaluation mode."""
    return network(images)[0]
