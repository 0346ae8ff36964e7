"""What a picture file says of itself: how it came to be, who signed that, and which job of ours made it."""
