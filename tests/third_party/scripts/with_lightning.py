"""A Lightning module: its loop validates, clips, and steps with a closure."""

import logging

import lightning
import torch
from digest import make_data, tell
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)


class Net(lightning.LightningModule):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Dropout(0.2), nn.Linear(16, 1))
        self.losses = []

    def training_step(self, batch):
        loss = nn.functional.binary_cross_entropy_with_logits(self.body(batch[0]), batch[1])
        self.losses.append(loss.item())
        return loss

    def validation_step(self, batch):
        self.losses.append(nn.functional.binary_cross_entropy_with_logits(self.body(batch[0]), batch[1]).item())

    def configure_optimizers(self):
        optimizer = torch.optim.AdamW(self.parameters(), lr=0.01)
        return [optimizer], [torch.optim.lr_scheduler.StepLR(optimizer, 2)]


data = TensorDataset(*make_data())
net = Net()
trainer = lightning.Trainer(
    max_epochs=4,
    accelerator="cpu",
    gradient_clip_val=1.0,
    logger=False,
    enable_checkpointing=False,
    enable_progress_bar=False,
    enable_model_summary=False,
)
trainer.fit(net, DataLoader(data, batch_size=8, shuffle=True), DataLoader(data, batch_size=32))
tell([net.state_dict().values()], net.losses)
