"""A GAN: two models, two optimizers, the generator sampled without gradient for the discriminator."""

import torch
from digest import make_data, tell
from torch import nn

real, _ = make_data()
generator = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Dropout(0.1), nn.Linear(16, 8))
discriminator = nn.Sequential(nn.Linear(8, 16), nn.LeakyReLU(0.2), nn.Linear(16, 1))
making = torch.optim.Adam(generator.parameters(), lr=2e-3, betas=(0.5, 0.999))
judging = torch.optim.Adam(discriminator.parameters(), lr=2e-3, betas=(0.5, 0.999), foreach=True)
judge = nn.BCEWithLogitsLoss()
losses = []
for _ in range(24):
    with torch.no_grad():
        fake = generator(torch.randn(64, 4))
    judging.zero_grad()
    apart = judge(discriminator(real), torch.ones(64, 1)) + judge(discriminator(fake), torch.zeros(64, 1))
    apart.backward()
    judging.step()
    making.zero_grad()
    fooled = judge(discriminator(generator(torch.randn(64, 4))), torch.ones(64, 1))
    fooled.backward()
    making.step()
    losses += [apart, fooled]
tell([generator.parameters(), discriminator.parameters()], losses)
