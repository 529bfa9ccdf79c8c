"""Exercises: a forward is given, its backward is to be written; what is wrong with one is said in a sentence.

``problems/`` has the exercises, ``catalogue`` their order, ``judging`` holds an answer against three witnesses.
"""
