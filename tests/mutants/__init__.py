"""A mutation run finds what the tests do not look at: code is changed a little, and some test should fail.

The tool is our own.  Of the kept ones mutmut skips decorated functions, so that it would plant nothing inside an
operation, and cosmic-ray starts an interpreter for each mutant, which takes three seconds as soon as torch is
imported; a child that is forked from a process with torch in it runs its first test in one.
"""
