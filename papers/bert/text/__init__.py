"""The text that BERT reads: two corpora, their word pieces, and which of these are hidden."""
