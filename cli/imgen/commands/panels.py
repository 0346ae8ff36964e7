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

MORE = "More"
"""The group of commands that few people need: on the first page it has their names only."""

GROUPS = {
    "Make": ("generate", "edit", "again", "batch"),
    "Look": (
        "wait",
        "status",
        "download",
        "show",
        "open",
        "history",
        "gallery",
        "models",
        "costs",
        "cancel",
        "forget",
    ),
    "Set up": ("keys", "config", "doctor", "completions"),
    MORE: ("inspect", "schema", "sandbox", "work", "fleet"),
}
