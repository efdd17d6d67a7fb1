"""The Trainer of Hugging Face on a language model of two small layers with random weights."""

import tempfile

import torch
from digest import make_data, tell
from transformers import GPT2Config, GPT2LMHeadModel, Trainer, TrainingArguments
from transformers.utils import logging

logging.set_verbosity_error()
make_data()
words = torch.randint(40, (64, 12))
rows = [{"input_ids": row, "labels": row} for row in words]
config = GPT2Config(vocab_size=40, n_positions=12, n_embd=16, n_layer=2, n_head=2, bos_token_id=0, eos_token_id=0)
model = GPT2LMHeadModel(config)
with tempfile.TemporaryDirectory() as folder:
    arguments = TrainingArguments(
        folder,
        num_train_epochs=3,
        per_device_train_batch_size=8,
        learning_rate=1e-3,
        eval_strategy="epoch",
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
        use_cpu=True,
        logging_strategy="no",
    )
    trainer = Trainer(model=model, args=arguments, train_dataset=rows, eval_dataset=rows[:16])
    result = trainer.train()
tell([model.state_dict().values()], [result.training_loss])
