"""Amounts, budgets, and what was spent and lost. Nothing is converted between units."""
