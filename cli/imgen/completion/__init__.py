"""What TAB offers. A shell asks at every press, so nothing here imports typer (70 ms) or anything heavier."""
