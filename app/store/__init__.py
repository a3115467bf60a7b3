"""Quads and generations: what is stored, how it is published, and how it is read. Nothing here knows what a study is."""
