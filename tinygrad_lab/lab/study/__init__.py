"""The study kit: the workbench that a paper's study is given, statistics, and the command ``claims``."""
