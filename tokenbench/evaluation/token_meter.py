"""What the tokens of one clip are like, as they pass between a tokenizer's two halves."""

from __future__ import annotations

from typing import Any, Literal

from torch import Tensor

from tokenbench.errors import NotApplicable
from tokenbench.media.clip import MediaKind
from tokenbench.metrics.tokens import ClipCodes, ClipLatents
from tokenbench.tokenizer import TokenizerInfo

# Nothing; count them; count them and write them with an entropy coder.
TokenWork = Literal["off", "count", "code"]


class TokenMeter:
    """Statistics of one clip's tokens.

    Args:
        info: of their tokenizer.
        kind: of the clip.
        coded: also write them with an entropy coder, for their real rate.
    """

    def __init__(self, info: TokenizerInfo, kind: MediaKind, coded: bool) -> None:
        self._info = info
        self._kind = kind
        self._coded = coded
        self._clip: ClipCodes | ClipLatents | None = None
        self._refused = ""

    def update(self, data: Any) -> None:
        """The next tokens: `1 x C x t x h x w` or int `1 x t x h x w`; of an image tokenizer's frames, a batch of them.

        What has another form, as the bytes of codecs, is passed over: nothing is known of it.

        Raises:
            ClipError: a code is outside the vocabulary, or a latent is not finite.
        """
        if self._refused or not isinstance(data, Tensor):
            return
        is_image, is_continuous = self._info.modality == "image", data.is_floating_point()
        if data.dim() != 3 + (not is_image) + is_continuous or (not is_image and len(data) != 1):
            return
        try:
            if is_continuous:
                self._add(data.transpose(0, 1) if is_image else data[0], ClipLatents, data.shape[1])
            elif self._info.vocabulary:
                self._add(data if is_image else data[0], ClipCodes, self._info.vocabulary)
        except NotApplicable as error:
            self._refused = str(error)

    def attached(self) -> dict[str, bytes]:
        """For the journal; nothing where no tokens were seen."""
        if self._clip is None or self._refused:
            return {}
        return {f"tokens-{self._kind}": self._clip.counts().to_bytes()}

    @property
    def skipped(self) -> dict[str, str]:
        """Why the clip's tokens could not be counted, where that is so."""
        return {"tokens": self._refused} if self._refused else {}

    def _add(self, tokens: Tensor, kind: type[ClipCodes] | type[ClipLatents], size: int) -> None:
        if self._clip is None:
            self._clip = kind(size, self._coded)
        self._clip.update(tokens)
