"""Worker processes: each works on its part of a batch, on a core of its own.

Python runs one thread at a time, so two threads that share a step wait for each other between any
two operations; processes do not.  The order to read in:

    cores.py    how many parts a step is cut into, and the one thread that BLAS has meanwhile
    shared.py   the memory in which workers find the parameters and leave their gradients
    step.py     a loss and the parts of a batch, whoever works on them
    gradients.py  the gradients of a part, by the number of the parameter
    likeness.py a model without its numbers, as bytes: what a worker is sent when it has changed
    nursery.py  the process that workers are forked from, and why there is one
    worker.py   what a worker does
    crew.py     the workers of one model, as the training process sees them
    threads.py  two threads, where there can be no processes

``nn.utils.in_parts`` is what losses are decorated with; nothing else needs to know of this.
"""
