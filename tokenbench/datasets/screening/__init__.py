"""Screening: what a reviewer would reject a clip for (stillness, blur, blocks, bars, cuts), as numbers with limits."""
