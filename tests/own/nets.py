"""Networks as users write them: plain torch, nothing of this program."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn


class Perceptron(nn.Module):
    def __init__(self, width=16, classes=10, dropout=0.0):
        super().__init__()
        self.hidden = nn.Linear(64, width)
        self.out = nn.Linear(width, classes)
        self.dropout = dropout

    def forward(self, x):
        return self.out(F.dropout(F.relu(self.hidden(x)), self.dropout, self.training))


class Block(nn.Module):
    def __init__(self, channels, wide, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, wide, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(wide)
        self.conv2 = nn.Conv2d(wide, wide, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(wide)
        self.shortcut = nn.Sequential()
        if stride != 1 or channels != wide:
            self.shortcut = nn.Sequential(nn.Conv2d(channels, wide, 1, stride, bias=False), nn.BatchNorm2d(wide))

    def forward(self, x):
        out = F.relu(self.bn1(self.conv1(x)))
        return F.relu(self.bn2(self.conv2(out)) + self.shortcut(x))


class ResNet(nn.Module):
    def __init__(self, width=4, classes=10):
        super().__init__()
        self.stem = nn.Conv2d(1, width, 3, padding=1, bias=False)
        self.bn = nn.BatchNorm2d(width)
        self.layer1 = Block(width, width, 1)
        self.layer2 = Block(width, 2 * width, 2)
        self.fc = nn.Linear(2 * width, classes)

    def forward(self, x):
        x = F.relu(self.bn(self.stem(x.view(len(x), 1, 8, 8))))
        return self.fc(self.layer2(self.layer1(x)).mean(dim=(2, 3)))


class Reader(nn.Module):
    """An LSTM that is given tokens, their lengths and a number by name."""

    def __init__(self, vocabulary=20, width=8, classes=2):
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, width)
        self.lstm = nn.LSTM(width, width, batch_first=True)
        self.fc = nn.Linear(width + 1, classes)

    def forward(self, tokens, length, score):
        states, _ = self.lstm(self.embedding(tokens))
        last = states[torch.arange(len(tokens)), length - 1]
        return self.fc(torch.cat([last, score[:, None]], dim=1))


class Encoder(nn.Module):
    """Rows of an image as words, with a mask, as one mapping."""

    def __init__(self, width=8, heads=2, layers=1, dropout=0.1):
        super().__init__()
        self.project = nn.Linear(8, width)
        self.positions = nn.Parameter(torch.zeros(8, width))
        layer = nn.TransformerEncoderLayer(width, heads, 2 * width, dropout, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, layers)
        self.head = nn.Linear(width, 10)

    def forward(self, batch):
        hidden = self.encoder(self.project(batch["rows"]) + self.positions, src_key_padding_mask=batch["padding"])
        return self.head(hidden.mean(dim=1))


class Tied(nn.Module):
    """Predicts the next token by the weights that it embeds tokens with."""

    def __init__(self, vocabulary=12, width=8):
        super().__init__()
        self.embed = nn.Embedding(vocabulary, width)
        self.mix = nn.Linear(3 * width, width)
        self.out = nn.Linear(width, vocabulary, bias=False)
        self.out.weight = self.embed.weight

    def forward(self, tokens):
        return self.out(torch.tanh(self.mix(self.embed(tokens).flatten(1))))


class Wandering(Perceptron):
    """Takes a path that depends on the data."""

    def forward(self, x):
        hidden = F.relu(self.hidden(x))
        if hidden.mean() > 0.2:
            hidden = hidden / 2
        return self.out(hidden)


class Centred(Perceptron):
    """Keeps a mean of its own, in a buffer that it sets anew, and counts."""

    def __init__(self, width=16):
        super().__init__(width)
        self.register_buffer("mean", torch.zeros(64))
        self.register_buffer("seen", torch.tensor(0))

    def forward(self, x):
        if self.training:
            self.mean = 0.9 * self.mean + 0.1 * x.detach().mean(dim=0)
            self.seen = self.seen + 1
        return super().forward(x - self.mean)


class Two(nn.Module):
    """Two outputs: what it says, and how sure it is."""

    def __init__(self):
        super().__init__()
        self.body = nn.Linear(10, 8)
        self.mean = nn.Linear(8, 1)
        self.spread = nn.Linear(8, 1)

    def forward(self, x):
        hidden = torch.tanh(self.body(x))
        return {"mean": self.mean(hidden).squeeze(-1), "spread": F.softplus(self.spread(hidden)).squeeze(-1)}


class Lazy(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.LazyLinear(8), nn.ReLU(), nn.LazyLinear(10))

    def forward(self, x):
        return self.net(x)


class Squeezed(nn.Module):
    """One number a sample, without a dimension for it."""

    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(10, 8), nn.Tanh(), nn.Linear(8, 1))

    def forward(self, x):
        return self.net(x).squeeze(-1)


def build(width=8):
    return Perceptron(width)


ready = Perceptron(4)


def forgetful(width=8):
    return "no module"


class Narrow(Perceptron):
    def __init__(self):
        super().__init__(classes=7)


class Mismatched(Perceptron):
    def forward(self, x):
        return self.out(x)


class Raising(Perceptron):
    def forward(self, x):
        raise KeyError("weights")


class Detached(Perceptron):
    def forward(self, x):
        return super().forward(x).detach()


class Remembering(Perceptron):
    """Lets each batch depend on the last one, kept where nobody sees it."""

    last = 0.0

    def forward(self, x):
        out = super().forward(x) * (1 + self.last)
        self.last = out.detach().abs().mean()
        return out


class Failing(Perceptron):
    def __init__(self, width):
        super().__init__(width)
        raise OSError("no weights file")


class Dropping(nn.Module):
    def __init__(self, dropout=0.5):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(64, 16), nn.ReLU(), nn.Dropout(dropout), nn.Linear(16, 10))

    def forward(self, x):
        return self.net(x)


class Plainly:
    apply = staticmethod(torch.tanh)


class Once(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x.tanh()

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, slope):
        return slope * (1 - ctx.saved_tensors[0].tanh() ** 2)


class Silently(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x.tanh()

    @staticmethod
    def backward(ctx, slope):
        return (slope * (1 - ctx.saved_tensors[0].tanh() ** 2)).detach()


class Handmade(nn.Module):
    """An activation whose backward is written by hand."""

    def __init__(self, how="Once"):
        super().__init__()
        self.hidden, self.out = nn.Linear(64, 4), nn.Linear(4, 10)
        self.call = {"Once": Once, "Silently": Silently, "Plainly": Plainly}[how].apply

    def forward(self, x):
        return self.out(self.call(self.hidden(x)))


class Single(nn.Module):
    """Mixes its input with numbers of its own, in float32."""

    def __init__(self):
        super().__init__()
        self.hidden, self.out = nn.Linear(64, 4), nn.Linear(1, 10)
        self.mix = [torch.ones(4)]

    def forward(self, x):
        return self.out(torch.mv(self.hidden(x).tanh(), self.mix[0]).unsqueeze(1))


class Fused(nn.Module):
    """torch's own recurrent layers and attention."""

    def __init__(self, layer="LSTM"):
        super().__init__()
        self.layer = layer
        self.inner = nn.Linear(8, 12) if layer == "attention" else getattr(nn, layer)(8, 4, batch_first=True)
        self.out = nn.Linear(4, 10)

    def forward(self, x):
        inner = self.inner(x.view(-1, 8, 8))
        if self.layer == "attention":
            return self.out(F.scaled_dot_product_attention(*inner.chunk(3, -1)).mean(1))
        return self.out(inner[0][:, -1])


class Tagger(nn.Module):
    """A tag for every token, by an LSTM that reads packed sequences."""

    def __init__(self, vocabulary=20, width=8, tags=3):
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, width, padding_idx=0)
        self.lstm = nn.LSTM(width, width, bidirectional=True, batch_first=True)
        self.out = nn.Linear(2 * width, tags)

    def forward(self, tokens, lengths):
        packed = nn.utils.rnn.pack_padded_sequence(self.embedding(tokens), lengths, batch_first=True, enforce_sorted=False)
        states, _ = nn.utils.rnn.pad_packed_sequence(self.lstm(packed)[0], batch_first=True, total_length=tokens.shape[1])
        return self.out(states)


@dataclass
class Spoken:
    loss: torch.Tensor | None
    logits: torch.Tensor
    cache: object = None


class Speaker(nn.Module):
    """A language model that returns an object, and knows its own loss where it is given labels."""

    def __init__(self, vocabulary=12, width=8, kind="object"):
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, width)
        self.mix = nn.Linear(width, width)
        self.out = nn.Linear(width, vocabulary, bias=False)
        self.out.weight = self.embedding.weight
        self.kind = kind

    def forward(self, input_ids, attention_mask=None, labels=None):
        hidden = torch.tanh(self.mix(self.embedding(input_ids)).cumsum(1))
        logits = self.out(hidden)
        loss = None if labels is None else F.cross_entropy(logits[:, :-1].flatten(0, 1), labels[:, 1:].flatten())
        if self.kind == "object":
            return Spoken(loss, logits, cache=[hidden])
        return (logits, logits.mean()) if self.kind == "tuple" else {"logits": logits, "loss": loss}


class Lossy(Perceptron):
    def forward(self, x):
        return super().forward(x).mean()


class Sampling(nn.Module):
    """A variational autoencoder, which draws at rest too."""

    def __init__(self):
        super().__init__()
        self.encode, self.decode = nn.Linear(64, 8), nn.Linear(4, 64)

    def forward(self, x):
        mean, spread = self.encode(x).chunk(2, dim=1)
        return self.decode(mean + torch.randn_like(spread) * spread.exp()), mean, spread
