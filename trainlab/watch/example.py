"""A small training script to watch, which makes one of the mistakes that only a loop can make, if it is asked to.

python -m trainlab.watch.example --mistake zero-grad
"""

from __future__ import annotations

import argparse

MISTAKES = (
    "none",
    "zero-grad",
    "eval-mode",
    "train-mode",
    "forgotten-layer",
    "wrong-model",
    "never-stepped",
    "clip-early",
    "clip-scaled",
    "squashed",
    "log-of-zero",
)


def main() -> None:
    """Learn the digits for some updates and say how well it went."""
    import torch
    from sklearn.datasets import load_digits
    from torch import nn

    parser = argparse.ArgumentParser(description="Train a small network on the digits.")
    parser.add_argument("--mistake", choices=MISTAKES, default="none")
    parser.add_argument("--steps", type=int, default=200)
    arguments = parser.parse_args()
    mistake = arguments.mistake

    torch.manual_seed(0)
    data = load_digits()
    inputs, labels = torch.tensor(data.data, dtype=torch.float32) / 16, torch.tensor(data.target)
    model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Dropout(0.2), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    held = {"wrong-model": nn.Linear(64, 10), "forgotten-layer": model[3]}.get(mistake, model)
    optimizer = torch.optim.SGD(held.parameters(), lr=0.05, momentum=0.9)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, arguments.steps)
    scaler = torch.amp.GradScaler("cpu", enabled=mistake == "clip-scaled")
    if mistake == "eval-mode":
        model.eval()
    for step in range(arguments.steps):
        batch = torch.randint(len(inputs), (32,))
        outputs = model(inputs[batch])
        if mistake == "log-of-zero":
            loss = -(nn.functional.one_hot(labels[batch], 10) * outputs.relu().log()).mean()
        else:
            loss = nn.functional.cross_entropy(outputs.softmax(1) if mistake == "squashed" else outputs, labels[batch])
        if mistake != "zero-grad" and step:
            optimizer.zero_grad()
        if mistake == "clip-early":
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        scaler.scale(loss).backward()
        if mistake == "clip-scaled":
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        scaler.step(optimizer)
        scaler.update()
        if mistake != "never-stepped":
            schedule.step()
    if mistake != "train-mode":
        model.eval()
    with torch.no_grad():
        right = torch.cat([model(part).argmax(1) for part in torch.split(inputs, 256)]).eq(labels).float().mean()
    print(f"loss {loss.item():.4f}, right {100 * right.item():.1f} %")  # noqa: T201  # it is a script


if __name__ == "__main__":
    main()
