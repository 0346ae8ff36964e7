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
        "inspect",
        "models",
        "costs",
        "forget",
    ),
    "Share": ("work", "fleet"),
    "Set up": ("keys", "config", "doctor", "completions", "schema", "sandbox"),
}
