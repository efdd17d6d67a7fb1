"""The `model:` section: which network, how it starts, what normalises it.

A key means the same in every kind that has it; what `layers` and `width` count differs, and stands at each.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema

from trainlab.config.activations import ACTIVATIONS
from trainlab.config.initialization import (
    AsInput,
    ByRule,
    Constant,
    Init,
    Isometric,
    Normal,
    RecurrentInit,
    Scaled,
    Uniform,
)
from trainlab.config.normalization import BatchNorm, GroupNorm, ImageNorm, NoNorm, Norm, SampleNorm, SequenceNorm, StepNorm
from trainlab.config.types import Args, Flag, Names, OneOf, PositiveInt, Setting, Share, Tagged, Target, Widths, refuse

__all__ = [
    "CNN",
    "MLP",
    "RNN",
    "AsInput",
    "BatchNorm",
    "ByRule",
    "Constant",
    "Gated",
    "GroupNorm",
    "ImageNorm",
    "Init",
    "Isometric",
    "Layers",
    "Model",
    "NoNorm",
    "Norm",
    "Normal",
    "PythonModel",
    "Read",
    "RecurrentInit",
    "ResNet",
    "SampleNorm",
    "Scaled",
    "SequenceNorm",
    "StepNorm",
    "Transformer",
    "Uniform",
    "View",
]

ActivationName = Annotated[str, OneOf(tuple(ACTIVATIONS))]
OutputName = Annotated[str, OneOf(("none", "same", "softmax", *ACTIVATIONS))]
PlainOutputName = Annotated[str, OneOf(("none", "softmax", *ACTIVATIONS))]

View = Literal["vector", "image", "sequence", "any"]
"""How a network wants to see a sample: `[feature]`, `[channel, height, width]`, `[step, feature]`, or as it is."""

Read = Literal["last", "mean", "every"]
"""What the output layer of a network for sequences reads: the last step, the mean of all, or each step by itself."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MLP(Setting):
    """Fully connected layers, each followed by its activation, in one `torch.nn.Sequential`.

    Attributes:
        layers: weight layers, the output layer included.
        width: hidden units: a number for all hidden layers, or a list with one number for each.
        outputs: units of the last layer; by default what the data needs, or `width` where the data has no target.
        output: activation after the last layer; `same` repeats `activation`.
        residual: add a layer's input to its output wherever the shapes allow it.
        dropout: share of hidden values dropped in training; `input_dropout` the same for the inputs.
        freeze: parameter names (globs) that are not trained.
    """

    kind: Literal["mlp"] = "mlp"
    layers: PositiveInt = 2
    width: Widths = 32
    outputs: PositiveInt | None = None
    activation: ActivationName = "relu"
    output: OutputName = "none"
    init: Init = field(default_factory=ByRule)
    norm: Norm = field(default_factory=NoNorm)
    input_norm: Norm = field(default_factory=NoNorm)
    residual: Flag = False
    dropout: Share = 0.0
    input_dropout: Share = 0.0
    bias: Flag = True
    freeze: Names = ()

    def __post_init__(self) -> None:
        if isinstance(self.width, tuple) and len(self.width) != self.layers - 1:
            hidden = self.layers - 1
            raise refuse(
                f"lists {len(self.width)} hidden layers, but `layers: {self.layers}` has {hidden}, the last being the output: "
                "set `layers` and `width` together",
                "width",
            )


def _check_module(value: Any) -> Any:
    """`ReLU`, `{Linear: [20, 100]}` or `{Conv2d: {in_channels: 1, ...}}`: the class in torch.nn and its arguments."""
    if isinstance(value, str) and value.isidentifier():
        return {value: []}
    if isinstance(value, dict) and len(value) == 1:
        ((name, arguments),) = value.items()
        if isinstance(name, str) and name.isidentifier() and isinstance(arguments, list | dict):
            return value
    raise refuse("must name one torch.nn module: `ReLU`, `{Linear: [20, 100]}` or `{Linear: {in_features: 20, out_features: 100}}`")


Module = Annotated[
    dict[str, Any],
    BeforeValidator(_check_module),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "object", "minProperties": 1, "maxProperties": 1}]}),
]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Layers(Setting):
    """Any `torch.nn` modules in a row: `modules: [{Linear: [20, 100]}, ReLU, {Linear: [100, 1]}, Sigmoid]`.

    Attributes:
        modules: class names in `torch.nn`, each with its arguments as a list or a mapping.
        freeze: parameter names (globs) that are not trained.
    """

    kind: Literal["layers"] = "layers"
    modules: Annotated[list[Module], Field(min_length=1)]
    init: Init = field(default_factory=ByRule)
    freeze: Names = ()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CNN(Setting):
    """Convolutions, each followed by its activation and by pooling, then one fully connected layer; in one `torch.nn.Sequential`.

    It sees images: the data must have them.

    Attributes:
        layers: weight layers: the convolutions and the output layer.
        width: channels: a number for all convolutions, or a list with one number for each.
        kernel: side of each filter, an odd number; the image keeps its size, padded with zeros.
        pooling: how each square of 2 by 2 pixels becomes one, after every convolution, as long as both sides have 2 pixels.
        outputs: units of the last layer; by default what the data needs.
        activation: after each convolution.
        output: activation after the last layer; `same` repeats `activation`.
        init: of filters and output layer.
        norm: after each convolution, over the pixels too: a scale and a shift for each channel.
        dropout: share of the values behind each convolution dropped in training.
        bias: of every layer.
        freeze: parameter names (globs) that are not trained.
    """

    kind: Literal["cnn"] = "cnn"
    layers: PositiveInt = 3
    width: Widths = 16
    kernel: PositiveInt = 3
    pooling: Literal["max", "average", "none"] = "max"
    outputs: PositiveInt | None = None
    activation: ActivationName = "relu"
    output: OutputName = "none"
    init: Init = field(default_factory=ByRule)
    norm: ImageNorm = field(default_factory=NoNorm)
    dropout: Share = 0.0
    bias: Flag = True
    freeze: Names = ()

    def __post_init__(self) -> None:
        if isinstance(self.width, tuple) and len(self.width) != self.layers - 1:
            raise refuse(
                f"lists {len(self.width)} convolutions, but `layers: {self.layers}` has {self.layers - 1}, the last being the "
                "output: set `layers` and `width` together",
                "width",
            )
        if self.kernel % 2 == 0:
            raise refuse("must be odd, so that the image keeps its size", "kernel")
        _check_groups(self.norm, self.width)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ResNet(Setting):
    """A residual network for small images (He et al., 2016): a convolution, stages of blocks, the mean over all pixels, an output.

    A block is two convolutions of 3 by 3 and a shortcut around them. Each stage but the first halves the image; where the shape
    changes, the shortcut skips pixels and fills up with channels of zeros (the authors' option A), so it has no weights.

    Attributes:
        layers: weight layers: 2 + 2 times stages times blocks a stage; with three stages 8, 14, 20, 32, 44, 56.
        width: channels: a number for the first of three stages, which the next ones double, or a list with one number a stage.
        outputs: units of the last layer; by default what the data needs.
        activation: after each convolution but a block's second, and after each sum.
        output: activation after the last layer; `same` repeats `activation`.
        init: of filters and output layer.
        norm: after each convolution; it stands before the activation.
        residual: with the shortcuts; without them it is the authors' plain network.
        dropout: share of the values between the two convolutions of a block dropped in training.
        bias: of the output layer, and of the convolutions where no norm follows.
        freeze: parameter names (globs) that are not trained.
    """

    kind: Literal["resnet"] = "resnet"
    layers: PositiveInt = 8
    width: Widths = 16
    outputs: PositiveInt | None = None
    activation: ActivationName = "relu"
    output: OutputName = "none"
    init: Init = field(default_factory=ByRule)
    norm: ImageNorm = field(default_factory=BatchNorm)
    residual: Flag = True
    dropout: Share = 0.0
    bias: Flag = True
    freeze: Names = ()

    def __post_init__(self) -> None:
        stages = len(self.stages)
        if self.layers < 2 + 2 * stages or (self.layers - 2) % (2 * stages):
            some = ", ".join(str(2 + 2 * stages * blocks) for blocks in (1, 2, 3))
            raise refuse(f"must be 2 and a multiple of {2 * stages}, as in {some}: two layers a block, {stages} stages", "layers")
        if getattr(self.norm, "place", "before") == "after":
            raise refuse("must be before: in a residual block the norm stands between filters and activation", "norm.place")
        if self.residual and list(self.stages) != sorted(self.stages):
            raise refuse("must not fall from stage to stage: a shortcut can fill up channels, not drop them", "width")
        _check_groups(self.norm, self.stages)

    @property
    def stages(self) -> tuple[int, ...]:
        """Channels of each stage."""
        return self.width if isinstance(self.width, tuple) else (self.width, 2 * self.width, 4 * self.width)

    @property
    def blocks(self) -> int:
        """Blocks of each stage."""
        return (self.layers - 2) // (2 * len(self.stages))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RNN(Setting):
    """Recurrent layers h_t = f(W x_t + U h_(t-1) + b), as `torch.nn.RNN` computes and names them, and a linear output layer.

    It sees sequences: images row by row, and the features of other samples one after the other.

    Attributes:
        layers: recurrent layers on top of each other; the output layer comes besides.
        width: hidden units of each layer; tokens are first embedded into as many numbers.
        outputs: units of the output layer; by default what the data needs.
        activation: f.
        output: activation after the output layer; `same` repeats `activation`.
        read: what the output layer reads: the last step, the mean of all, or every step; null is what the target needs.
        init: of the weights that read the input, and of the output layer; `default` is torch's, uniform within 1/sqrt(width).
        recurrent_init: of the weights from step to step.
        residual: add a layer's input to its output wherever the shapes allow it.
        dropout: share of the values between two recurrent layers dropped in training.
        bias: of every layer.
        freeze: parameter names (globs) that are not trained.
    """

    kind: Literal["rnn"] = "rnn"
    layers: PositiveInt = 1
    width: PositiveInt = 32
    outputs: PositiveInt | None = None
    activation: Literal["tanh", "relu"] = "tanh"
    output: OutputName = "none"
    read: Read | None = None
    init: Init = field(default_factory=ByRule)
    recurrent_init: RecurrentInit = field(default_factory=AsInput)
    residual: Flag = False
    dropout: Share = 0.0
    bias: Flag = True
    freeze: Names = ()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Gated(Setting):
    """Recurrent layers with gates, as `torch.nn.LSTM` (Hochreiter & Schmidhuber, 1997) and `torch.nn.GRU` (Cho et al., 2014).

    They see sequences: images row by row, and the features of other samples one after the other.

    Attributes:
        layers: recurrent layers on top of each other; the output layer comes besides.
        width: hidden units of each layer; tokens are first embedded into as many numbers.
        outputs: units of the output layer; by default what the data needs.
        output: activation after the output layer.
        read: what the output layer reads: the last step, the mean of all, or every step; null is what the target needs.
        init: of the weights that read the input, each gate by itself, and of the output layer; `default` is torch's, uniform within
            1/sqrt(width).
        recurrent_init: of the weights from step to step, each gate by itself.
        residual: add a layer's input to its output wherever the shapes allow it.
        dropout: share of the values between two recurrent layers dropped in training.
        bias: of every layer.
        freeze: parameter names (globs) that are not trained.
    """

    kind: Literal["lstm", "gru"]
    layers: PositiveInt = 1
    width: PositiveInt = 32
    outputs: PositiveInt | None = None
    output: PlainOutputName = "none"
    read: Read | None = None
    init: Init = field(default_factory=ByRule)
    recurrent_init: RecurrentInit = field(default_factory=AsInput)
    residual: Flag = False
    dropout: Share = 0.0
    bias: Flag = True
    freeze: Names = ()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Transformer(Setting):
    """Attention over the steps of a sequence (Vaswani et al., 2017), with learned positions.

    An encoder, where every step sees all steps; or with `causal` a decoder, where it sees those before it and itself. It sees
    images row by row, and the features of other samples one after the other.

    Attributes:
        layers: blocks: attention, then a feed-forward network of two layers.
        width: numbers a step inside the network; must be a multiple of `heads`.
        heads: parts that attend separately.
        feedforward: hidden units of the feed-forward networks; null is 4 times `width`.
        outputs: units of the output layer; by default what the data needs.
        activation: inside the feed-forward networks.
        output: activation after the output layer; `same` repeats `activation`.
        read: what the output layer reads: the last step, the mean of all, or every step; null is what the target needs, and for
            one target a sample the mean of an encoder and the last step of a decoder.
        causal: no step sees a later one; null is whether the target has a value for every step, as the next character.
        norm: of the numbers of each step.
        norm_first: normalise what enters attention and feed-forward, and once more before the output (pre-norm; Xiong et al.,
            2020); otherwise each sum (post-norm, as in the original, which needs a warm-up at high rates).
        init: of all linear layers, queries, keys and values each by itself; embeddings and positions are always N(0, 0.02^2).
        residual: add what enters attention and feed-forward to what leaves them.
        dropout: share dropped in training of the embedded input, and of what attention and feed-forward add.
        bias: of every linear layer.
        freeze: parameter names (globs) that are not trained.
    """

    kind: Literal["transformer"] = "transformer"
    layers: PositiveInt = 2
    width: PositiveInt = 32
    heads: PositiveInt = 4
    feedforward: PositiveInt | None = None
    outputs: PositiveInt | None = None
    activation: ActivationName = "gelu"
    output: OutputName = "none"
    read: Read | None = None
    causal: Flag | None = None
    norm: SequenceNorm = field(default_factory=StepNorm)
    norm_first: Flag = True
    init: Init = field(default_factory=ByRule)
    residual: Flag = True
    dropout: Share = 0.0
    bias: Flag = True
    freeze: Names = ()

    def __post_init__(self) -> None:
        if self.width % self.heads:
            raise refuse(f"must divide `width`, which is {self.width}", "heads")


def _check_groups(norm: NoNorm | BatchNorm | GroupNorm, widths: int | tuple[int, ...]) -> None:
    widths = widths if isinstance(widths, tuple) else (widths,)
    if isinstance(norm, GroupNorm) and any(width % norm.groups for width in widths):
        raise refuse(f"must divide the channels of every layer, which are {', '.join(map(str, widths))}", "norm.groups")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PythonModel(Setting):
    """A network of your own: a class of `torch.nn.Module`, a function that returns a module, or a module.

    It is imported and run as the program that it is. Class and function are called anew for every run, with torch's random numbers
    set by `seed`; a module that exists already starts from its own weights, whatever the seed. It is called as `data` says.

    Attributes:
        target: `pkg.module:build`, or a file, `./net.py:Net`, in the folder of this config or else in the working directory.
        args: what class or function is called with.
        freeze: parameter names (globs) that are not trained.
    """

    kind: Literal["python"] = "python"
    target: Target
    args: Args = field(default_factory=dict)
    freeze: Names = ()


Model = Annotated[
    MLP | Layers | CNN | ResNet | RNN | Gated | Transformer | PythonModel,
    # The default size of one kind of network says nothing about another.
    Tagged("kind", "mlp", keeps_defaults=False),
]
