"""Decode and encode images and video; colour, orientation and pixel conversion.

Frames are uint8 `T x H x W x 3` RGB everywhere in the harness.
"""
