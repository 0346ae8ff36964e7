"""Amounts, budgets, what was spent, and pictures that expired unsaved. No amount is converted between units."""
