"""Bugs of the kind people make, planted one at a time in a copy of the tree: which test catches each?"""
