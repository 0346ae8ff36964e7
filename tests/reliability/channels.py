"""Every way to order a picture: each service, and Gemini a second time by its batches; what decides how a job is lost.

Facts are those of the services' rows in the catalogue, and of the two references.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Finds = Literal["nothing", "its jobs", "their states", "what has ended"]
"""What a service lists of its jobs ("their states": with these), and so which lost one is found there by itself."""


@dataclass(frozen=True, slots=True)
class Channel:
    """One way to order a picture, and the service that takes the order.

    `once`: the answer to the submit is all there is, so nothing is polled and no link fetched. `inline`: its pictures
    come inside an answer. `link_lives`: its documents say how long a link does, so one that expires sooner is given
    more than one chance. `result_apart`: the end of a job and its result are two questions.
    """

    name: str
    service: str
    lists: Finds = "nothing"
    once: bool = False
    inline: bool = False
    link_lives: bool = False
    result_apart: bool = False
    options: tuple[str, ...] = ()

    @property
    def order(self) -> tuple[str, ...]:
        """The options of a command line that order there."""
        return ("-p", self.service, *self.options)


CHANNELS = {
    channel.name: channel
    for channel in (
        Channel("3daistudio", "3daistudio", link_lives=True),
        Channel("gmicloud", "gmicloud", lists="their states"),
        Channel("reapi", "reapi", link_lives=True),
        Channel("gptproto", "gptproto"),
        Channel("gemini", "gemini", once=True, inline=True),
        Channel("gemini-batch", "gemini", lists="its jobs", inline=True, options=("--channel", "batch")),
        Channel("openai", "openai", once=True, inline=True),
        Channel("openrouter", "openrouter", once=True, inline=True),
        Channel("fal", "fal", lists="what has ended", result_apart=True),
    )
}
"""All of them by name, in the order of the catalogue."""
