"""From one sequence to another, whatever the model: vocabularies, pairs as batches, beam search, measures."""
