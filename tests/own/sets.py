"""Data, losses and optimizers as users write them."""

import numpy as np
import torch
from sklearn.datasets import load_diabetes, load_digits
from torch import nn
from torch.utils.data import DataLoader, Dataset, IterableDataset, RandomSampler, TensorDataset, WeightedRandomSampler


def arrays(samples=200):
    digits = load_digits()
    return (digits.data[:samples] / 16).astype(np.float32), digits.target[:samples]


def pairs():
    inputs, target = arrays(300)
    return (inputs[:200], target[:200]), (inputs[200:], target[200:])


def named():
    train, test = pairs()
    return {"train": train, "test": test, "validation": (test[0][:50], test[1][:50])}


class Sentences(Dataset):
    """Tokens of different lengths, padded, and a number: named, as in a batch for a text model."""

    def __init__(self, samples=96, steps=6):
        self.samples, self.steps = samples, steps

    def __len__(self):
        return self.samples

    def __getitem__(self, index):
        stream = torch.Generator().manual_seed(index)
        length = int(torch.randint(2, self.steps + 1, (), generator=stream))
        tokens = torch.zeros(self.steps, dtype=torch.long)
        tokens[:length] = torch.randint(1, 20, (length,), generator=stream)
        score = torch.randn((), generator=stream)
        return {"tokens": tokens, "length": length, "score": score, "label": int(tokens[0] > 10)}


class Ragged(Sentences):
    def __getitem__(self, index):
        sample = super().__getitem__(index)
        return sample["tokens"][: sample["length"]], sample["label"]


def pad(samples):
    tokens, labels = zip(*samples, strict=True)
    return nn.utils.rnn.pad_sequence(tokens, batch_first=True), torch.tensor(labels)


def padded():
    return DataLoader(Ragged(), batch_size=16, collate_fn=pad)


def masked():
    inputs, target = arrays(100)
    rows = torch.from_numpy(inputs).view(-1, 8, 8)
    padding = torch.zeros(len(rows), 8, dtype=torch.bool)
    padding[::3, 6:] = True
    return {"rows": rows, "padding": padding, "y": target}


def trigrams():
    tokens = torch.randint(12, (200,), generator=torch.Generator().manual_seed(0)).cumsum(0) % 12
    return tokens.unfold(0, 3, 1)[:-1], tokens[3:]


def diabetes():
    bunch = load_diabetes()
    return bunch.data.astype(np.float32), ((bunch.target - 150) / 80).astype(np.float32)


def marks():
    inputs, target = diabetes()
    return inputs, (target > 0).astype(np.float32)


def loader(batch_size=32, drop_last=True, shuffle=True):
    inputs, target = map(torch.as_tensor, arrays())
    return DataLoader(TensorDataset(inputs, target), batch_size=batch_size, shuffle=shuffle, drop_last=drop_last)


def weighted():
    inputs, target = map(torch.as_tensor, arrays())
    sampler = WeightedRandomSampler((target < 3).double() + 0.01, 64)
    return DataLoader(TensorDataset(inputs, target), batch_size=16, sampler=sampler), (inputs, target)


def weighted_alone():
    return weighted()[0]


class Stream(IterableDataset):
    def __iter__(self):
        for index in range(1000):
            stream = torch.Generator().manual_seed(index)
            yield torch.randn(64, generator=stream), index % 10


class Endless(Dataset):
    def __getitem__(self, index):
        return torch.zeros(3), 0


class Broken(Sentences):
    def __getitem__(self, index):
        if index == 5:
            raise ValueError("line 5 is empty")
        return torch.zeros(64), 0


def words():
    return ["a", "b"], [0, 1]


def uneven():
    return np.zeros((5, 64), dtype=np.float32), np.zeros(4, dtype=np.int64)


def negative():
    inputs, target = arrays()
    return inputs, target - 1


class Focal(nn.Module):
    def __init__(self, gamma=2.0):
        super().__init__()
        self.gamma = gamma

    def forward(self, output, target):
        logs = output.log_softmax(dim=1).gather(1, target[:, None])[:, 0]
        return -((1 - logs.exp()) ** self.gamma * logs).mean()


def likelihood(output, target):
    spread = output["spread"] + 1e-3
    return (spread.log() + (output["mean"] - target).square() / (2 * spread.square())).mean()


def square(output, target, factor=1.0):
    return factor * (output - target).square().mean()


def each(output, target):
    return (output - target).square()


def slow_start(parameters, lr):
    first, *rest = parameters
    return torch.optim.SGD([{"params": [first], "lr": lr / 10}, {"params": rest}], lr=lr, momentum=0.9)


def no_optimizer(parameters, lr):
    return lr


class Noisy(torch.optim.SGD):
    """Draws random numbers in its step."""

    @torch.no_grad()
    def step(self, closure=None):
        super().step(closure)
        for group in self.param_groups:
            for parameter in group["params"]:
                parameter.add_(0.01 * torch.randn_like(parameter))


def resampled():
    inputs, target = map(torch.as_tensor, arrays())
    data = TensorDataset(inputs, target)
    return DataLoader(data, batch_size=50, sampler=RandomSampler(data, replacement=True, num_samples=100)), (inputs, target)


class Corpus(Dataset):
    """Sentences of different lengths with a tag for every word."""

    def __len__(self):
        return 60

    def __getitem__(self, index):
        stream = torch.Generator().manual_seed(index)
        tokens = torch.randint(1, 20, (int(torch.randint(2, 7, (), generator=stream)),), generator=stream)
        return tokens, tokens % 3


def pad_tags(samples):
    tokens, tags = zip(*samples, strict=True)
    return {
        "tokens": nn.utils.rnn.pad_sequence(tokens, batch_first=True),
        "lengths": torch.tensor([len(each) for each in tokens]),
        "labels": nn.utils.rnn.pad_sequence(tags, batch_first=True, padding_value=-100),
    }


def tagged(batch_size=12):
    return DataLoader(Corpus(), batch_size=batch_size, shuffle=True, collate_fn=pad_tags)


def tag_loss(output, target):
    return nn.functional.cross_entropy(output.flatten(0, 1), target.flatten())


def texts():
    ids = (torch.randint(12, (60, 1), generator=torch.Generator().manual_seed(0)) + 5 * torch.arange(6)) % 12
    return [{"input_ids": each, "attention_mask": torch.ones(6), "labels": each} for each in ids]


def next_token(output, target):
    return nn.functional.cross_entropy(output.logits[:, :-1].flatten(0, 1), target[:, 1:].flatten())


def its_own(output, target):
    return output.loss


def as_they_are(output, target):
    return nn.functional.cross_entropy(output[0].flatten(0, 1), target.flatten(), label_smoothing=0.1)


def images():
    return torch.as_tensor(arrays()[0])


def evidence(output, target):
    rebuilt, mean, spread = output
    return rebuilt.square().mean() + (mean.square() + spread.exp()).mean()


def robust(output, target):
    return nn.functional.huber_loss(output, target, delta=0.1)


def shares(output, target):
    return nn.functional.binary_cross_entropy_with_logits(output, (target > 0).to(output))
