"""The manifest that `imgen batch --init` writes: small, commented, and one that works as it stands."""

from __future__ import annotations

from imgen.batch.lock import merge_attribute

MANIFEST = """\
# The pictures of this project and how they are made. `imgen batch` makes what is missing or changed, once.
#
#   imgen batch --plan       what would be made, why, and for how much
#   imgen batch --sandbox    try it at no cost, with no key
#   imgen batch --check      is every file what this says? No key, no network: for CI
#
# Keep this file, assets.lock and the pictures in git. Every field: imgen schema manifest

[defaults]
model = "gemini-3.1-flash"
resolution = "1K"
# provider = "gmicloud"      # else the cheapest service that has a key
# max_width = 800            # makes the file smaller; the original is kept
# tag = true                 # the file says that a model made it

# One picture. The path is binding: one that comes in another format is converted.
[[asset]]
path = "art/lighthouse.png"
prompt = "A lighthouse on a cliff at dusk, flat colours, thin outlines"
aspect = "16:9"

# A picture for each value: {name} in path and prompt is replaced.
[[asset]]
path = "art/icon-{name}.webp"
prompt = "An icon of a {name}, flat colours, thin outlines, on a white background"
aspect = "1:1"
for = {name = ["cart", "heart"]}

# A picture that goes on from another one, which is made first. Files of the project and https links work too.
# [[asset]]
# path = "art/lighthouse-night.png"
# prompt = "The same lighthouse at night, its lamp lit"
# references = ["art/lighthouse.png"]
"""
"""What is written where there is no manifest yet."""

ATTRIBUTES = f"{merge_attribute('assets.lock')}\n"
"""What goes into a `.gitattributes` beside it, so that git merges the lock."""
