"""The same ledger on PostgreSQL, for many machines: one budget, one pace, each picture bought once.

psycopg is an extra (`imgen[fleet]`) and is imported in bodies only. What is about SQLite's file (recovery, file locks,
network disks, the look at the file for TAB) has no part here.
"""
