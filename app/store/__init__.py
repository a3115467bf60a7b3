"""Quads and generations: how they are stored, published and read. Nothing here knows what a study is."""
