"""Passing results on: bundles, and the comparison of two results.

`export` writes a bundle, `bundle_verification` checks one, `comparison` says how two results
differ, and `metadata` holds what a bundle says about itself.
"""
