"""Dropout (Srivastava, Hinton, Krizhevsky, Sutskever, Salakhutdinov 2014)."""

from tinygrad_lab.paper import Paper

from .config import VARIANTS

PAPER = Paper(
    slug="dropout",
    title="Dropout: A Simple Way to Prevent Neural Networks from Overfitting",
    authors="N. Srivastava, G. Hinton, A. Krizhevsky, I. Sutskever, R. Salakhutdinov",
    year=2014,
    venue="Journal of Machine Learning Research 15:1929-1958",
    family="regularisation and adaptation",
    summary="Units dropped at random in training keep each other from co-adapting; one network stands for all of them.",
    variants=VARIANTS,
    link="https://jmlr.org/papers/v15/srivastava14a.html",
)
