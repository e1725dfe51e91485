"""What layers around a model have in common: in all that they don't change they are as the model is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from proxy.scoring.base import ModelScorer

S = TypeVar("S", bound="ModelScorer")


class Layer(Generic[S]):
    """A scorer around another one, or around another layer."""

    def __init__(self, scorer: S) -> None:
        self._scorer = scorer

    @property
    def name(self) -> str:
        """The model's name."""
        return self._scorer.name

    @property
    def pointwise(self) -> bool:
        """As the model is."""
        return self._scorer.pointwise

    @property
    def identity(self) -> str:
        """The model's."""
        return self._scorer.identity

    @property
    def ready(self) -> bool:
        """As the model is."""
        return self._scorer.ready

    async def start(self) -> None:
        """Do nothing: the model is started by its owner."""

    def readable(self, text: str) -> str:
        """As much as the model reads."""
        return self._scorer.readable(text)
