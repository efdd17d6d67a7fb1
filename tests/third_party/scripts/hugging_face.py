"""Targets of a user of Hugging Face: models that return objects, samples that are mappings."""

import torch
from transformers import BertConfig, BertForSequenceClassification, GPT2Config, GPT2LMHeadModel

SIZES = {"vocab_size": 40, "bos_token_id": 0, "eos_token_id": 0}


def bert():
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    return BertForSequenceClassification(BertConfig(**SIZES, **sizes, max_position_embeddings=12, num_labels=3))


def gpt2():
    return GPT2LMHeadModel(GPT2Config(**SIZES, n_embd=16, n_layer=1, n_head=2, n_positions=12))


def reviews():
    words = torch.randint(1, 40, (90, 12), generator=torch.Generator().manual_seed(0))
    return [{"input_ids": each, "attention_mask": torch.ones(12).long(), "labels": int(each[0] % 3)} for each in words]


def texts():
    return [{**each, "labels": torch.where(torch.arange(12) < 9, each["input_ids"], -100)} for each in reviews()]


def next_word(output, target):
    return torch.nn.functional.cross_entropy(output.logits[:, :-1].flatten(0, 1), target[:, 1:].flatten())
