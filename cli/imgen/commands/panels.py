"""How the help is divided: options in panels, commands in groups."""

from __future__ import annotations

MOST_USED = "Most used"
PICTURE = "Picture"
PROMPT = "Prompt"
COST = "Cost"
WAITING = "Waiting"
OUTPUT = "Output"
OTHER = "Other"
PANELS = (MOST_USED, PROMPT, PICTURE, COST, WAITING, OUTPUT, OTHER)

WITH_ANOTHER = {"open": "show", "fleet": "work"}
"""Commands that share the line of another one on the first page, which has to fit a small terminal."""

GROUPS = {
    "Make": ("generate", "edit", "again", "batch", "work", "fleet"),
    "Look": (
        "wait",
        "status",
        "download",
        "show",
        "open",
        "history",
        "gallery",
        "inspect",
        "models",
        "costs",
        "cancel",
        "forget",
    ),
    "Set up": ("keys", "config", "doctor", "completions", "schema", "sandbox"),
}
