"""Safety of the HIS: what it takes for a statement of ours to be sent, and what is told of it afterwards.

    statements   one SELECT that only reads, proven from its syntax tree
    settings     [safety] of site.toml: caps, blackout hours, the reason for a right to write
    session      time-outs, snapshot and place in the queue of one session
    rights       what the account may do beyond reading
    plans        the cost of a statement, from the server's own EXPLAIN
    canary       back-off while a small SELECT slows down
    deaths       a statement that was left is confirmed dead, read off the server
    load         the one-page report for the DBA
    watch        the session that holds all of this around every statement

docs/safety.md is the contract as a DBA reads it.
"""
