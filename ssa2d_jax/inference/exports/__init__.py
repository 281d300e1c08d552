"""Predictions as imports of labelling tools."""
