"""What the trainings share: optimizers, the schedule of the learning rate, a state to resume from."""
import json
import math
import os
import time

import numpy as np
import torch


class Muon(torch.optim.Optimizer):
    """Momentum whose matrices are made orthogonal (Jordan et al. 2024), as long a step as Adam's."""

    def __init__(self, parameters, lr, momentum=0.95):
        super().__init__(parameters, dict(lr=lr, momentum=momentum))

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for p in group["params"]:
                momentum = self.state[p].setdefault("momentum", torch.zeros_like(p))
                momentum.lerp_(p.grad, 1 - group["momentum"])
                ahead = p.grad.lerp(momentum, group["momentum"]).reshape(len(p), -1)
                p.add_(orthogonal(ahead).reshape(p.shape), alpha=-0.2 * group["lr"] * max(ahead.shape) ** 0.5)


def orthogonal(g):
    """The half-orthogonal matrix nearest to g, about: five steps of a quintic Newton-Schulz iteration,
    for which bfloat16 is enough."""
    x = g.T if g.shape[0] > g.shape[1] else g
    x = (x / (x.norm() + 1e-7)).bfloat16()
    for _ in range(5):
        a = x @ x.T
        x = 3.4445 * x + (-4.7750 * a + 2.0315 * a @ a) @ x
    return (x.T if g.shape[0] > g.shape[1] else x).float()


class Training:
    """Counts steps and processor time, steps the optimizers, keeps state and log in a folder.

    Muon takes the matrices that `inside` is true of by name and shape, AdamW the rest at half the rate."""

    def __init__(self, args, models, inside, warm_up, others=(), quick=()):
        """`models["model"]` is stepped here; optimizers of further models are only kept;
        lists of parameters in `quick` learn four times as fast."""
        self.args, self.models, self.warm_up = args, models, warm_up
        named = [(name, p) for name, p in models["model"].named_parameters() if p.requires_grad]
        matrices = [p for n, p in named if inside(n, p)]
        own = {id(p) for parameters in quick for p in parameters}
        rest = [p for n, p in named if not inside(n, p) and id(p) not in own]
        quick = [dict(params=list(parameters), share=4.0) for parameters in quick]
        self.optimizers = [Muon(matrices, args.lr),
                           torch.optim.AdamW([dict(params=rest), *quick], args.lr, betas=(0.9, 0.98), weight_decay=1e-4)]
        self.kept = [*self.optimizers, *others]
        self.step, self.spent, self.progress = 0, 0.0, 0.0
        self.log, self.recent = open(f"{args.out}/log.jsonl", "a"), []
        self.resume()

    def resume(self):
        if os.path.exists(f"{self.args.out}/state.pt"):
            state = torch.load(f"{self.args.out}/state.pt", weights_only=True, map_location="cpu")
            for name, model in self.models.items():
                model.load_state_dict(state[name])
            for optimizer, saved in zip(self.kept, state["optimizers"]):
                optimizer.load_state_dict(saved)
            self.step, self.spent = state["step"], state["spent"]

    def save(self):
        temporary = f"{self.args.out}/state.pt.tmp"
        torch.save(dict({name: model.state_dict() for name, model in self.models.items()}, step=self.step, spent=self.spent,
                        optimizers=[optimizer.state_dict() for optimizer in self.kept]), temporary)
        os.replace(temporary, f"{self.args.out}/state.pt")

    def __iter__(self):
        """Step numbers until the processor time is spent."""
        before = self.spent - time.process_time()
        while self.progress < 1:
            self.spent = before + time.process_time()
            self.progress = min(1.0, self.spent / (self.args.minutes * 60))
            yield self.step

    def descend(self, loss, figures):
        """One step down, its figures averaged in the log."""
        model = self.models["model"]
        model.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        rate = self.args.lr * min(1, (self.step + 1) / self.warm_up)
        rate *= 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * self.progress))
        for share, optimizer in zip((1.0, 0.5), self.optimizers):
            for group in optimizer.param_groups:
                group["lr"] = share * rate * group.get("share", 1.0)
            optimizer.step()
        self.step += 1
        self.recent.append(figures)
        if self.step % 100 == 0:
            means = {k: float(np.mean([row[k] for row in self.recent])) for k in figures}
            row = dict(minutes=self.spent / 60, **means, lr=rate)
            print(json.dumps(dict(step=self.step, **{k: round(v, 5) for k, v in row.items()})), file=self.log, flush=True)
            self.recent.clear()
