"""Data: the story world, corpora, and rows of tokens to train on."""
