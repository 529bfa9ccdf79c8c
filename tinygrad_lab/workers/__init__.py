"""Worker processes: each works on its part of a batch, on a core of its own.

Python runs one thread at a time, so two threads that share a step wait for each other between any
two operations; processes do not.  The order to read in:

    paying.py     the rule on sizes: into how many parts a batch is cut
    step.py       a loss and the parts of a batch, whoever works on them
    gradients.py  the gradients of a part, by the number of the parameter
    on_workers.py a step whose first part is done here, the others by workers
    crew.py       the workers of one model, as the training process sees them
    likeness.py   a model without its numbers, as bytes: what workers get when it has changed
    shared.py     the memory in which workers find the parameters and leave their gradients
    worker.py     what a worker does
    nursery.py    the process that workers are forked from, and why there is one
    threads.py    two threads, where there can be no processes

``nn.utils.in_parts`` is what losses are decorated with; nothing else needs to know of this.
"""
