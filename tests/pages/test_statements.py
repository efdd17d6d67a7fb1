"""Sentences of the source texts as the pages put them, above all where the texts are wrong or leave out a condition."""

from __future__ import annotations

import pytest

from pages.shown import says

STATEMENTS = [
    # source 0
    ("training-loop", "w <- w - η · ∂loss/∂w"),
    ("initialisation", "Randomness is not the fault and not the cure: Xavier and He are random too. It is the scale."),
    ("vanishing-gradient", "It does not save a sigmoid"),
    ("vanishing-gradient", "Batch normalisation is impossible on one sample."),
    ("vanishing-gradient", "fed with -1 the same chain has no gradient at all"),
    ("convergence", "A simpler network converges sooner by the clock only."),
    # source 1
    ("exploding-gradient", "feed-forward networks explosion is the rarer of the two troubles, in recurrent ones it is not"),
    ("exploding-gradient", "Batch normalisation keeps the forward pass in bounds, not the backward pass"),
    ("residual", 'It does not "completely solve" vanishing gradients'),
    ("initialisation", '"Xavier in general" is too general: ReLU wants He'),
    ("overfitting", "beside what the task needs, features that only these samples share"),
    ("underfitting", "That a subset can be learned is no proof that the network is too small"),
    ("underfitting", "That is not the same as not converging."),
    ("convergence", "Not converging is not the same as underfitting"),
    ("l2", "norm2(w) = sqrt(sum of w_i^2)"),
    ("l2", "no single feature can dominate"),
    ("l2", "the λ of (λ/2) norm2(w)^2"),
    ("l1", "gradient descent works all the same: a subgradient will do, torch takes sign(0) = 0"),
    ("l1", "derivations that end in x - α or x + α have lost the λ"),
    ("l1", "Biases and normalisation parameters stay out of it."),
    ("map-and-priors", "Minimising a loss without a penalty is maximum likelihood"),
    ("map-and-priors", "maximum a posteriori (MAP) minimises -log P(y|X, w) - log P(w)"),
    ("batch-norm", "It also ties the samples of a batch together."),
    ("batch-norm", "with every feature at one scale none dominates"),
    ("dropout", "no co-adaptation"),
    ("dropout", "evaluation is like the mean of them all, an ensemble at the price of one"),
    ("ensemble", "Boosting is for weak learners"),
    ("ensemble", "A network that gets its training data 1.0 right leaves no errors for the next to learn from"),
    ("shuffling", "a new one every epoch keeps the same samples from always meeting in one batch"),
    ("early-stopping", "Three parts, three uses: training for the weights; validation for everything that is chosen"),
    # source 2
    ("relu", "It is dead when no sample of the data wakes it"),
    ("batch-norm", "which a good initialisation does only at the start"),
    ("batch-norm", "nearer to 1 in Keras, nearer to 0 in torch"),
    ("rnn", "If that factor is a little above 1 the gradient explodes, if it is a little below it vanishes"),
    ("rnn", "Clip by norm, always; here it matters more than anywhere else."),
    ("adam", "It is often said that the correction speeds up the start. It slows it down"),
    ("adam", "Nadam looks ahead as Nesterov's method does."),
    ("schedules", "The old `decay` argument of Keras is the power schedule with decay = 1/k, counted in updates"),
    ("schedules", "with patience 5 Keras and trainlab cut after 5 bad epochs, torch after 6"),
    ("l2", "per unit, that is per row of torch's weight matrix or per filter, not per matrix, and without the biases"),
    ("dropout", "in evaluation multiply by 1 - rate (not by the rate)"),
    ("dropout", '"Twice as large without dropout" is true at a rate of 0.5 only.'),
    ("dropout", "on inputs (`model.input_dropout`)"),
    # source 3
    ("hessian", "Eigenvalues, not singular values"),
    ("critical-point", "Counts of seven, as read off a plot, are wrong."),
    ("critical-point", "What is rare is that all curvatures are positive"),
    ("adagrad", "torch and the paper sum the squares; some lectures divide by their root mean square instead"),
    ("adam", "w <- w - η(t) · m(t)/σ(t), a schedule times a direction over a size"),
    ("batch", "LAMB w <- w - η norm(w) u/norm(u)"),
    ("batch", "for y = w1 w2 x at (0, 0) no batch whatever helps"),
    ("output-activation", "class 2 is [0, 0, 1, 0], one output for each"),
    ("batch-norm", "Statistics of all the data at every update would cost a pass over all the data"),
    ("batch-norm", "they let the layer undo the normalisation where that is better"),
    ("batch-norm", "because a prediction must not depend on which other samples are asked about with it"),
    ("batch-norm", "Why it works is often said to be unknown. There are explanations"),
    # source 4
    ("training-loop", "Forward pass: the inputs of one batch go through the layers"),
    ("training-loop", "how much the loss would change for a small change of each weight"),
    ("training-loop", "until the loss no longer falls or the epochs are used up"),
    ("training-loop", "Training repeats four steps."),
    ("backpropagation", "The hidden layers learn all the same, because the chain rule carries the error back through them."),
    ("exploding-gradient", "Not the sigmoid by itself. Its derivative is 0.25 at most"),
    ("sigmoid", "bounded means saturating"),
    ("sigmoid", "Sigmoid where it is a probability or a gate"),
    ("non-linearity", "each of its conditions counts: continuous, bounded region, enough width"),
    ("relu", "It cannot reach a negative target, and an output unit can die like any other"),
    ("seed", "To debug: what differs between two runs is then only what you changed."),
    ("seed", "`seed` governs the initial weights, the order of the samples and dropout"),
    ("distributed", "Not to be mixed up with gradient accumulation"),
    ("distributed", "small batches often generalise as well or better"),
]


@pytest.mark.parametrize(("page", "words"), STATEMENTS)
def test_the_page_says_it(page: str, words: str) -> None:
    says(page, words)
