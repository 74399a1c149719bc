"""nanoGPT's CPU recipe in plain PyTorch: the run that nano_gpt.py measures against.

A GPT-2 of 4 layers, 4 heads and 128 channels on blocks of 64 characters, 12 a step;
AdamW from 1e-3 to 1e-4 by a cosine over 2,000 steps, warm-up 100. Eager, with fused
attention and the fused AdamW, as nanoGPT runs where it is not compiled.

Reference: the options that the README of nanoGPT gives for a CPU.
"""

import math

import numpy as np
import torch
from torch import nn
from torch.nn import functional

VOCABULARY, DIM, LAYERS, HEADS, LENGTH = 65, 128, 4, 4, 64
BATCH, STEPS, WARMUP = 12, 2_000, 100
PEAK, FLOOR, BETAS, DECAY, CLIP = 1e-3, 1e-4, (0.9, 0.99), 0.1, 1.0


class Attention(nn.Module):
    """Causal attention of several heads."""

    def __init__(self):
        super().__init__()
        self.qkv = nn.Linear(DIM, 3 * DIM)
        self.out = nn.Linear(DIM, DIM)

    def forward(self, x):
        """(B, T, D) to (B, T, D)."""
        rows, length, _ = x.shape
        heads = self.qkv(x).view(rows, length, 3, HEADS, DIM // HEADS)
        query, key, value = heads.permute(2, 0, 3, 1, 4)  # (B, N, T, H) each
        x = functional.scaled_dot_product_attention(query, key, value, is_causal=True)
        return self.out(x.transpose(1, 2).reshape(rows, length, DIM))


class Block(nn.Module):
    """Attention and a feed-forward network, each behind a norm."""

    def __init__(self):
        super().__init__()
        self.norm_1 = nn.LayerNorm(DIM)
        self.attention = Attention()
        self.norm_2 = nn.LayerNorm(DIM)
        self.inner = nn.Linear(DIM, 4 * DIM)
        self.out = nn.Linear(4 * DIM, DIM)

    def forward(self, x):
        """(B, T, D) to (B, T, D)."""
        x = x + self.attention(self.norm_1(x))
        return x + self.out(functional.gelu(self.inner(self.norm_2(x))))


class NanoGPT(nn.Module):
    """Logits of the next character; the head is the table of the characters."""

    def __init__(self):
        super().__init__()
        self.token = nn.Embedding(VOCABULARY, DIM)
        self.position = nn.Embedding(LENGTH, DIM)
        self.blocks = nn.ModuleList(Block() for _ in range(LAYERS))
        self.norm = nn.LayerNorm(DIM)
        for name, weight in self.named_parameters():
            if weight.dim() == 2:
                residual = name.endswith("out.weight")
                std = 0.02 / math.sqrt(2 * LAYERS) if residual else 0.02
                nn.init.normal_(weight, std=std)
            elif name.endswith("bias"):
                nn.init.zeros_(weight)

    def forward(self, ids):
        """(B, T) to (B, T, V)."""
        x = self.token(ids) + self.position.weight[: ids.shape[1]]
        for block in self.blocks:
            x = block(x)
        return functional.linear(self.norm(x), self.token.weight)


def learning_rate(step: int) -> float:
    """Return the learning rate of a step, from 0."""
    if step < WARMUP:
        return PEAK * (step + 1) / (WARMUP + 1)
    share = (step - WARMUP) / (STEPS - WARMUP)
    return FLOOR + 0.5 * (1 + math.cos(math.pi * share)) * (PEAK - FLOOR)


class Training:
    """The model, its optimizer and where it is."""

    def __init__(self, train: np.ndarray, validation: np.ndarray, seed: int):
        torch.manual_seed(seed)
        torch.set_num_threads(2)
        self.tokens = torch.from_numpy(train.astype(np.int64))
        self.validation = torch.from_numpy(validation.astype(np.int64))
        self.model = NanoGPT()
        weights = list(self.model.parameters())
        groups = [
            {"params": [w for w in weights if w.dim() >= 2], "weight_decay": DECAY},
            {"params": [w for w in weights if w.dim() < 2], "weight_decay": 0.0},
        ]
        self.optimizer = torch.optim.AdamW(groups, PEAK, BETAS, fused=True)
        self.offsets = torch.arange(LENGTH + 1)
        self.step = 0

    def run(self, steps: int) -> None:
        """Take steps, on blocks drawn with replacement."""
        self.model.train()
        for _ in range(steps):
            starts = torch.randint(len(self.tokens) - LENGTH, (BATCH, 1))
            block = self.tokens[starts + self.offsets]
            logits = self.model(block[:, :-1])
            loss = functional.cross_entropy(
                logits.flatten(0, 1), block[:, 1:].flatten()
            )
            loss.backward()
            nn.utils.clip_grad_norm_(self.model.parameters(), CLIP)
            for group in self.optimizer.param_groups:
                group["lr"] = learning_rate(self.step)
            self.optimizer.step()
            self.optimizer.zero_grad(set_to_none=True)
            self.step += 1

    @torch.no_grad()
    def evaluate(self) -> float:
        """Return the loss of the whole validation split, by disjoint windows."""
        self.model.eval()
        total, count = 0.0, len(self.validation) - 1
        span = 64 * LENGTH
        for begin in range(0, count, span):
            part = self.validation[begin : begin + span + 1]
            whole = (len(part) - 1) // LENGTH * LENGTH
            for first, last, length in (
                (0, whole, LENGTH),
                (whole, len(part) - 1, len(part) - 1 - whole),
            ):
                if last > first:
                    ids = part[first:last].view(-1, length)
                    labels = part[first + 1 : last + 1]
                    logits = self.model(ids).flatten(0, 1)
                    total += float(
                        functional.cross_entropy(logits, labels, reduction="sum")
                    )
        return total / count
