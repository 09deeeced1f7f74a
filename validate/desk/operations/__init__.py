"""What can be done at the desk, in the name of one account: the pages and the JSON interface both call these.

Each function asks the rules, reads or writes, and returns data; none knows of requests, templates or JSON.
"""
